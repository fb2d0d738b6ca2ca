"""Swaps of the champion under load: no request fails, and no answer mixes two bundles.

A served process stands under steady load while the champion moves to and fro between two small bundles. The titles of
each bundle's works carry its mark, so that the client itself sees an answer of two bundles.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.form import Options, result, row
from recsys.bundle import MANIFEST, Facts, sha256_of, write_bundle
from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset
from recsys.dataset.ids import IdMap
from recsys.metrics import Interval
from recsys.models.recipe import FitContext, parse
from recsys.pipeline import Pipeline
from serving.stores.control import ControlStore

BARS = "200 swaps of the champion under load: 0 failed, 0 mixed"
VAR = Path("var/bench/swap")
SWAPS, QUICK_SWAPS = 200, 5
CLIENTS = 4
N_USERS, N_ITEMS, EVENTS = 300, 500, 6_000
MARKS = ("north", "south")
AT = 1_700_000_000.0  # s UTC
RECIPES = ({"recipe": "als", "factors": 16, "epochs": 3}, {"recipe": "popular", "half_life_days": 30.0})
EXACT = Interval(1.0, 1.0, 1.0)


@dataclass
class Tally:
    """What the clients saw."""

    answers: Counter[str] = field(default_factory=Counter)  # by bundle version
    failed: int = 0
    mixed: int = 0
    ms: list[float] = field(default_factory=list)

    def take(self, answer: dict[str, Any], marks: dict[str, str]) -> None:
        """One list: every title has to carry the mark of the bundle that the answer names."""
        mark = marks[answer["model"]]
        whole = bool(answer["items"]) and all(item["title"].startswith(mark) for item in answer["items"])
        self.mixed += not whole
        self.answers[answer["model"]] += 1


def run(options: Options) -> dict[str, Any]:
    """Both bundles, one process, ``SWAPS`` moves."""
    begin = time.perf_counter()
    swaps = QUICK_SWAPS if options.quick else SWAPS
    shutil.rmtree(VAR, ignore_errors=True)
    bundles = [_bundle(mark) for mark in MARKS]
    _point_at(bundles[0])
    control = ControlStore.open(VAR / "control.db")
    key = control.create_key("bench", "platform", "benchmarks")
    control.close()
    with _served() as url:
        tally, seconds = asyncio.run(_load(url, key, bundles, swaps))
    lists = sum(tally.answers.values())
    details = {
        "swaps": swaps,
        "lists": lists,
        "answers by bundle": dict(tally.answers),
        "seconds from pointer to first answer (median, max)": [
            round(float(np.median(seconds)), 2),
            round(max(seconds), 2),
        ],
        "list ms (p50, p99, max)": [round(float(v), 2) for v in np.percentile(tally.ms, [50, 99, 100])],
    }
    rows = [_row("failed", tally.failed), _row("mixed", tally.mixed)]
    settings = {"items": N_ITEMS, "clients": CLIENTS, "workers": 1, "quick": options.quick}
    return result("swap", rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _row(metric: str, count: int) -> dict[str, Any]:
    return row("under load", metric, ours=count, peer=0, peer_name="bar", paired=EXACT, bar="= 0", ok=count == 0)


def _bundle(mark: str) -> Path:
    rng = np.random.default_rng(MARKS.index(mark))
    records = [{"item_id": f"i{i:03}", "title": f"{mark} {i}", "genres": [f"g{i % 9}"]} for i in range(N_ITEMS)]
    catalogue = Catalogue.from_records(records)
    user = np.sort(rng.integers(0, N_USERS, EVENTS)).astype(np.int32)
    data = Dataset(
        users=IdMap([f"u{u:03}" for u in range(N_USERS)]),
        catalogue=catalogue,
        user=user,
        item=rng.integers(0, N_ITEMS, EVENTS).astype(np.int32),
        time=AT - rng.random(EVENTS) * 86_400,
        weight=np.ones(EVENTS, np.float32),
        positive=np.ones(EVENTS, np.bool_),
        profiles={},
        at=AT,
        returns=False,
    )
    sources = tuple(FitContext().fit(parse(params), data) for params in RECIPES)
    pipeline = Pipeline(catalogue, sources, ContentSpace.fit(catalogue))
    told: dict[str, Any] = {"lake": "none", "lake_versions": {"events": 0}, "spec": "swap", "split": "none", "at": AT}
    folder = VAR / "bundles" / mark
    write_bundle(folder, pipeline, Facts(**told, recipe=sources[0].recipe.params(), metrics={}, rules={}))
    return folder.absolute()


def _point_at(bundle: Path) -> None:
    champion = {"version": _version(bundle), "path": str(bundle), "manifest_sha256": sha256_of(bundle / MANIFEST)}
    draft = VAR / "champion.part"
    draft.write_text(json.dumps(champion))
    draft.replace(VAR / "champion.json")


def _version(bundle: Path) -> str:
    return str(json.loads((bundle / MANIFEST).read_text())["version"])


async def _load(url: str, key: str, bundles: list[Path], swaps: int) -> tuple[Tally, list[float]]:
    """Lists on end from every client while the champion moves; the seconds that each move took to be seen."""
    tally, stop = Tally(), asyncio.Event()
    marks = {_version(bundle): mark for bundle, mark in zip(bundles, MARKS, strict=True)}
    async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": key}, timeout=30) as client:
        clients = [asyncio.create_task(_ask(client, number, tally, marks, stop)) for number in range(CLIENTS)]
        seconds = []
        for swap in range(1, swaps + 1):
            bundle = bundles[swap % 2]
            before, begun = tally.answers[_version(bundle)], time.perf_counter()
            _point_at(bundle)
            while tally.answers[_version(bundle)] == before:
                await asyncio.sleep(0.01)
                if time.perf_counter() - begun > 60:
                    raise TimeoutError(f"Swap {swap} was not seen within a minute.")
            seconds.append(time.perf_counter() - begun)
        stop.set()
        await asyncio.gather(*clients)
    return tally, seconds


async def _ask(
    client: httpx.AsyncClient, number: int, tally: Tally, marks: dict[str, str], stop: asyncio.Event
) -> None:
    rng = np.random.default_rng(number)
    while not stop.is_set():
        session = [f"i{item:03}" for item in rng.integers(0, N_ITEMS, 5)]
        begun = time.perf_counter()
        try:
            answer = await client.post("/v1/recommend", json={"session": session, "k": 20, "age": 30})
            answer.raise_for_status()
        except httpx.HTTPError:
            tally.failed += 1
            continue
        tally.ms.append((time.perf_counter() - begun) * 1e3)
        tally.take(answer.json(), marks)


class _served:  # noqa: N801 - used as a function
    """`recsys serve` until the block ends."""

    def __enter__(self) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        env = {**os.environ, "RECSYS_VAR": str(VAR.absolute())}
        command = [sys.executable, "-m", "training.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
        with (VAR / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        url, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if httpx.get(url + "/readyz").status_code == 200:
                    return url
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        self.__exit__()
        raise TimeoutError(f"The service did not become ready; see {VAR / 'serve.log'}.")

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(timeout=30)
