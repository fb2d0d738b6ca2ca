"""Lists a second against FastAPI around implicit: the same factors, users and answers, one core each."""

import json
import os
import shutil
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.form import Options, result, row
from benchmarks.ratios import over_rounds
from benchmarks.serving_cases import Case, case_of
from benchmarks.serving_runs import CONNECTIONS, OURS, Server, await_answer, cores, free_port, product, running
from recsys.types import query

BARS = "requests/s of FastAPI + implicit.recommend, same model: ≥ 3×"
BAR = 3.0
ROUNDS, SECONDS = 5, 5.0


def run(options: Options) -> dict[str, Any]:
    """One case: als of 128 factors over 100,000 works; the peer has every user's vector ready, ours solves for it."""
    begin = time.perf_counter()
    case = case_of("naive", options)
    rounds, seconds = (2, 1.0) if options.quick else (ROUNDS, SECONDS)
    rates: dict[str, list[float]] = {"ours": [], "naive": []}
    with product(case) as ours, _naive(case) as naive:
        for server in (ours, naive):
            server.load(OURS, seconds)
        for _ in range(rounds):
            rates["ours"].append(ours.load(OURS, seconds).rate)
            rates["naive"].append(naive.load(OURS, seconds).rate)
        same = _agreement(case, ours, naive)
    paired = over_rounds([1 / r for r in rates["ours"]], [1 / r for r in rates["naive"]])
    own, peer = (float(np.median(found)) for found in rates.values())
    name = "FastAPI + implicit"
    rows = [
        row(
            "als",
            "requests/s",
            ours=own,
            peer=peer,
            peer_name=name,
            paired=paired,
            bar=f">= {BAR:g}",
            ok=paired.ratio >= BAR,
        )
    ]
    settings = {"connections": CONNECTIONS, "cores (server, load)": cores(), "quick": options.quick}
    details = {"share of items that both show": same, "requests/s": rates}
    return result("serve_against_naive", rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


@contextmanager
def _naive(case: Case) -> Iterator[Server]:
    """The naive service over what the case serves."""
    own, other = cores()
    folder = case.var / "naive"
    _write(folder, case)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks._naive_service:app", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--log-level", "warning", "--loop", "uvloop", "--http", "httptools"]
    env = {**os.environ, "RECSYS_BENCH_NAIVE": str(folder), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with running(command, env, own, case.var / "naive.log"):
        await_answer(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200)
        yield Server(port, other, tuple(case.body(user).decode() for user in case.users))


def _write(folder: Path, case: Case) -> None:
    """The model, the items as they are shown and the histories, as plain files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    bundle = case.bundle
    model: Any = bundle.pipeline.sources[0]
    histories = case.histories()
    np.save(folder / "factors.npy", np.array(model.factors))
    asked = [query(np.array(items, np.int32), at=0.0) for items in histories.values()]
    np.save(folder / "users.npy", model.vectors(asked)[0])
    names = ("item_id", "title", "media_type", "year", "language", "genres", "authors")
    columns = [bundle.catalogue.column(name) for name in names]
    shown = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    (folder / "items.json").write_text(json.dumps(shown))
    (folder / "histories.json").write_text(json.dumps(histories))


def _agreement(case: Case, ours: Server, naive: Server) -> float:
    """The share of items in both services' lists: the same model is asked; overrides and the gate move a few."""
    shares = []
    for user in case.users[:50]:
        lists = []
        for server in (ours, naive):
            headers = {"content-type": "application/json", **dict(server.headers)}
            request = urllib.request.Request(f"http://127.0.0.1:{server.port}{OURS}", case.body(user), headers)
            answer = json.loads(urllib.request.urlopen(request, timeout=30).read())
            lists.append({item["item_id"] for item in answer["items"]})
        shares.append(len(lists[0] & lists[1]) / max(len(lists[1]), 1))
    return round(float(np.mean(shares)), 3)
