"""A bundle in a process of its own: how fast it answers one query, and how much memory it holds.

Run as ``python -m training.probe FOLDER N`` with the queries as an .npz on stdin; prints one line of JSON.
"""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from recsys.errors import BundleError
from recsys.types import BoolArray, Query

MB = 1e6
PLACES = 20
WARM = 20  # queries before the clock counts
TIMED = 200
TIMEOUT = 600  # s


@dataclass(frozen=True)
class Probe:
    """What was measured; milliseconds and MB. ``queries`` is how many were timed."""

    queries: int
    p50_ms: float
    p99_ms: float
    disk_mb: float
    resident_mb: float
    load_seconds: float


def probe(bundle: Path, queries: Sequence[Query]) -> Probe:
    """Measure a bundle in a fresh process; BundleError where that fails."""
    command = [sys.executable, "-P", "-m", "training.probe", str(bundle), str(len(queries))]
    try:
        done = subprocess.run(command, input=_packed(queries), capture_output=True, timeout=TIMEOUT, check=True)  # noqa: S603
        return Probe(**json.loads(done.stdout))
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        raise BundleError(f"The bundle cannot be measured: {last[0]}") from None
    except (subprocess.TimeoutExpired, OSError, ValueError, TypeError) as error:
        raise BundleError(f"The bundle cannot be measured: {error}") from None


def measure(bundle: Path, queries: Sequence[Query]) -> Probe:
    """Load a bundle and ask it one query at a time, as a service does, over and over until there are enough."""
    from recsys.bundle import load_bundle

    begin = time.perf_counter()
    loaded = load_bundle(bundle)
    load_seconds = time.perf_counter() - begin
    allowed = np.ones(len(loaded.catalogue), np.bool_)
    for query in queries[:WARM]:
        _timed(loaded.pipeline, query, allowed)
    asked = list(islice(cycle(queries), TIMED))  # the 99th hundredth of few would be their one worst moment
    spent = [_timed(loaded.pipeline, query, allowed) for query in asked] or [0.0]
    disk = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    p50, p99 = np.quantile(spent, [0.5, 0.99]) * 1000
    return Probe(len(asked), float(p50), float(p99), disk / MB, _resident() / MB, load_seconds)


def _timed(pipeline: Any, query: Query, allowed: BoolArray) -> float:
    seen = np.unique(query.items)
    begin = time.perf_counter()
    (slate,) = pipeline.candidates([query], pipeline.rerank.width(PLACES), allowed, [seen])
    pipeline.reranked(slate, query, PLACES)
    return time.perf_counter() - begin


def _resident() -> int:
    """Bytes of this process in memory, mapped files that were touched included."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # no /proc: the peak is the nearest that there is
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _packed(queries: Sequence[Query]) -> bytes:
    lengths = np.array([len(query) for query in queries], np.int64)

    def joined(name: str, kind: type) -> Any:
        return np.concatenate([np.zeros(0, kind), *(np.asarray(getattr(query, name), kind) for query in queries)])

    arrays = {"items": joined("items", np.int32), "times": joined("times", np.float64)}
    arrays |= {"weights": joined("weights", np.float32), "at": np.array([query.at for query in queries])}
    profiles = json.dumps([dict(query.profile) for query in queries])
    file = io.BytesIO()
    np.savez(file, lengths=lengths, profiles=np.array(profiles), **arrays)
    return file.getvalue()


def _unpacked(content: bytes) -> list[Query]:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = dict(file)
    ends = np.cumsum(arrays["lengths"])
    profiles = json.loads(str(arrays["profiles"]))
    queries = []
    for place, (end, length) in enumerate(zip(ends, arrays["lengths"], strict=True)):
        own = slice(end - length, end)
        items, times, weights = (arrays[name][own] for name in ("items", "times", "weights"))
        queries.append(Query(items, times, weights, float(arrays["at"][place]), profiles[place]))
    return queries


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(sys.argv[1]), _unpacked(sys.stdin.buffer.read())))))  # noqa: T201
