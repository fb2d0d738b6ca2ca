"""How soon an editor's change is live: on two served workers over SQLite, and on a replica over PostgreSQL."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg

from benchmarks.form import row
from benchmarks.works import write_fitted
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset
from recsys.dataset.ids import IdMap
from recsys.metrics import Interval
from serving.stores.control import ControlStore

PORT = int(os.environ.get("RECSYS_BENCH_PORT", "4310"))
POSTGRES = os.environ.get("RECSYS_BENCH_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test")
LOOKS = 6  # requests on connections of their own after each change, so that both workers answer
END = "2999-01-01T00:00:00Z"
AT = 1_700_000_000.0
ITEMS = 60
EXACT = Interval(1.0, 1.0, 1.0)


def live_rows(changes: int) -> list[dict[str, Any]]:
    """A row for each set-up."""
    missed, workers = _embedded(changes)
    seconds = _replica(changes)
    p99 = float(np.percentile(seconds, 99)) if len(seconds) else float("inf")
    return [
        row(
            f"{changes} changes, {workers} workers over SQLite",
            "answers after a change that did not obey it",
            ours=float(missed),
            peer=0.0,
            peer_name="the bar",
            paired=EXACT,
            bar="== 0",
            ok=missed == 0 and workers == 2,
        ),
        row(
            f"{changes} changes, a replica over PostgreSQL",
            "p99 until it is known, s",
            ours=p99,
            peer=1.0,
            peer_name="the bar",
            paired=Interval(1 / max(p99, 1e-6), 1 / max(p99, 1e-6), 1 / max(p99, 1e-6)),
            bar="<= 1",
            ok=p99 <= 1,
        ),
    ]


def _embedded(changes: int) -> tuple[int, int]:
    """Answers that were out of date, and how many workers stood behind the port."""
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        bundle = _bundle(var)
        control = ControlStore.open(var / "control.db")
        keys = {role: control.create_key("bench", role, "benchmarks") for role in ("platform", "editor")}
        control.close()
        with _served(var, bundle) as (url, workers):
            return _missed(url, keys, changes), workers


def _missed(url: str, keys: dict[str, str], changes: int) -> int:
    missed = 0
    for at in range(changes):
        item = f"i{at % ITEMS:02}"
        change = {"action": "exclude", "item_id": item, "end": END, "reason": "benchmark"}
        made = _call("POST", f"{url}/v1/overrides", keys["editor"], change).json()["id"]
        missed += sum(item in _shown(url, keys["platform"]) for _ in range(LOOKS))
        _call("DELETE", f"{url}/v1/overrides/{made}", keys["editor"])
        missed += sum(item not in _shown(url, keys["platform"]) for _ in range(LOOKS))
    return missed


def _shown(url: str, key: str) -> set[str]:
    answer = _call("POST", f"{url}/v1/recommend", key, {"k": ITEMS, "age": 30}).json()
    return {item["item_id"] for item in answer["items"]}


def _call(method: str, url: str, key: str, body: Any = None) -> httpx.Response:
    """On a connection of its own."""
    answer = httpx.request(method, url, headers={"X-API-Key": key}, json=body, timeout=30)
    answer.raise_for_status()
    return answer


def _replica(changes: int) -> list[float]:
    """Seconds from a committed change to the moment when another store knows of it."""
    schema, found = f"bench_{uuid.uuid4().hex}", []
    with psycopg.connect(POSTGRES.replace("+psycopg", ""), autocommit=True, connect_timeout=5) as server:
        server.execute(f"CREATE SCHEMA {schema}")  # type: ignore[arg-type]
        try:
            url = f"{POSTGRES}?options=-csearch_path%3D{schema}"
            one, other = ControlStore.open(url), ControlStore.open(url)
            for at in range(changes):
                one.halt("campaign", f"c{at}", "benchmark", "benchmark")
                begin, newest = time.perf_counter(), one.sequence()
                while other.sequence() < newest and time.perf_counter() - begin < 10:
                    time.sleep(0.001)
                found.append(time.perf_counter() - begin)
                time.sleep(0.01 * (at % 7))
            one.close()
            other.close()
        finally:
            server.execute(f"DROP SCHEMA {schema} CASCADE")  # type: ignore[arg-type]
    return found


@contextmanager
def _served(var: Path, bundle: Path) -> Iterator[tuple[str, int]]:
    """Two workers behind one port; how many processes serve is counted, not believed."""
    import psutil

    env = {**os.environ, "RECSYS_VAR": str(var), "RECSYS_BUNDLE": str(bundle), "RECSYS_RATES": "platform=100000"}
    command = [sys.executable, "-m", "training.cli", "serve", "--host", "127.0.0.1", "--port", str(PORT)]
    with (var / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--workers", "2"], env=env, stdout=log, stderr=log, cwd=var, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{PORT}"
            _await_ready(url, process, var / "serve.log")
            children = psutil.Process(process.pid).children(recursive=True)
            workers = sum("worker" in " ".join(child.cmdline()) for child in children)
            yield url, workers
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(timeout=20)


def _await_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end, ready = time.monotonic() + 120, 0
    while time.monotonic() < end and process.poll() is None:
        try:
            ready = ready + 1 if httpx.get(f"{url}/readyz").status_code == 200 else 0
        except httpx.TransportError:
            ready = 0
        if ready >= 8:  # on connections of their own: both workers
            return
        time.sleep(0.2)
    raise TimeoutError(f"The service did not become ready:\n{log.read_text()[-2000:]}")


def _bundle(var: Path) -> Path:
    rng = np.random.default_rng(0)
    catalogue = Catalogue.from_records([{"item_id": f"i{at:02}", "title": f"Work {at}"} for at in range(ITEMS)])
    user = np.sort(rng.integers(0, 40, 800)).astype(np.int32)
    data = Dataset(
        users=IdMap([f"u{at}" for at in range(40)]),
        catalogue=catalogue,
        user=user,
        item=rng.integers(0, ITEMS, 800).astype(np.int32),
        time=AT - rng.random(800) * 86_400,
        weight=np.ones(800, np.float32),
        positive=np.ones(800, np.bool_),
        at=AT,
    )
    return write_fitted(var / "bundles" / "b", data, {"recipe": "popular", "half_life_days": 30.0})
