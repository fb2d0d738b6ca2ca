"""Exact top-100 by inner product: ours against the best of numpy, faiss and implicit, and against memory's speed.

All sides hold the same vectors, which have 128 dimensions, and may use two threads; ours uses them in a product of
float32 only. Ours comes twice: on float32 alone, and with codes of one byte a number that propose and float32 that
decides, which gives the same lists.

The vectors are independent normal numbers: noise, the worst case for codes, which then have to keep all directions.
Fitted factors fall off: the cases ``…, falling`` have a spectrum that falls as the root of the direction, and lengths
that vary as those of popular and rare items do. They carry no bar.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.contest import THREADS
from benchmarks.form import Options, result, row
from benchmarks.ratios import typical
from recsys.metrics import Interval
from recsys.retrieval import Codes, Vectors
from recsys.types import FloatArray, IntArray

BARS = "`20k/1`, `100k/1` ≥ 1.2× the best peer; `20k/64`, `100k/64` ≥ 1.0×; `1m/1` within 1.3× of bytes ÷ bandwidth"
BENCH = "retrieval"
SHAPES = {"20k/1": (20_000, 1), "20k/64": (20_000, 64), "100k/1": (100_000, 1), "100k/64": (100_000, 64)}
SHAPES |= {"1m/1": (1_000_000, 1)}
FALLING = ", falling"  # a case on vectors like fitted factors
SHAPES |= {f"{case}{FALLING}": SHAPES[case] for case in ("100k/1", "100k/64")}
CASES = tuple(SHAPES)
BAR = {"20k/1": 1.2, "100k/1": 1.2, "20k/64": 1.0, "100k/64": 1.0}
BOUND = 1.3  # how many times the time of reading the vectors once
D, N = 128, 100
ROUNDS = 31

Search = Callable[[FloatArray], IntArray]  # queries (q, d) -> items (q, N)


@dataclass(frozen=True)
class Timed:
    """Seconds of every round, and the lists of the last."""

    seconds: list[float]
    items: IntArray


def run(options: Options) -> dict[str, Any]:
    """All shapes, or the one asked for."""
    begin = time.perf_counter()
    rows: list[dict[str, Any]] = []
    details = {}
    for case in CASES if options.case is None else (options.case,):
        size, batch = SHAPES[case]
        size, rounds = (size // 20, 3) if options.quick else (size, ROUNDS)
        timed = _timed(*(_falling if case.endswith(FALLING) else _noise)(size, (rounds + 1) * batch), batch)
        if not case.endswith(FALLING):
            rows += _rows(case, timed)
        details[case] = {name: _told(found, timed["ours, float32"].items) for name, found in timed.items()}
    settings = {"d": D, "top": N, "threads": THREADS, "rounds": ROUNDS, "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _noise(size: int, n_queries: int) -> tuple[FloatArray, FloatArray]:
    """(size, D) items and (n_queries, D) queries without any structure."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((size, D), np.float32), rng.standard_normal((n_queries, D), np.float32)


def _falling(size: int, n_queries: int) -> tuple[FloatArray, FloatArray]:
    """The same along directions that matter less and less, and of lengths that vary."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((D, D)))[0] / np.sqrt(np.arange(1, D + 1))[:, None]

    def some(n: int) -> FloatArray:
        lengths = np.exp(0.5 * rng.standard_normal((n, 1), np.float32))
        return (rng.standard_normal((n, D), np.float32) * lengths) @ turn.astype(np.float32)

    return some(size), some(n_queries)


def _timed(items: FloatArray, queries: FloatArray, batch: int) -> dict[str, Timed]:
    """Every side once a round, each time with other queries."""
    import faiss
    import torch

    sides = _sides(items)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    lists: dict[str, IntArray] = {}
    faiss.omp_set_num_threads(THREADS)
    torch.set_num_threads(THREADS)
    for turn, asked in enumerate(queries.reshape(-1, batch, D)):
        for name, search in sides.items():
            begin = time.perf_counter()
            lists[name] = search(asked)
            if turn:  # the first warms up
                seconds[name].append(time.perf_counter() - begin)
    return {name: Timed(seconds[name], lists[name]) for name in sides}


def _sides(items: FloatArray) -> Mapping[str, Search]:
    import faiss
    import torch
    from implicit.cpu.topk import topk

    flat = faiss.IndexFlatIP(D)
    flat.add(items)
    floats, coded = Vectors(items), Vectors(items, Codes.of(items))
    everything, nothing = np.ones(len(items), np.bool_), np.zeros(0, np.int32)

    def ours(vectors: Vectors) -> Search:
        return lambda asked: np.stack([r.items for r in vectors.top(asked, N, everything, [nothing] * len(asked), "")])

    def plain(asked: FloatArray) -> IntArray:
        scores = asked @ items.T
        near = np.argpartition(-scores, N, axis=1)[:, :N]
        order = np.argsort(-np.take_along_axis(scores, near, axis=1), axis=1)
        return np.take_along_axis(near, order, axis=1)

    def read(tensor: Any) -> Search:
        return lambda asked: np.array([float(tensor.sum())])

    return {
        "ours, float32": ours(floats),
        "ours, int8 + float32": ours(coded),
        "numpy": plain,
        "faiss IndexFlatIP": lambda asked: flat.search(asked, N)[1],
        "implicit topk": lambda asked: topk(items, asked, N, num_threads=THREADS)[0],
        "reading float32": read(torch.from_numpy(items)),
    }


def _rows(case: str, timed: Mapping[str, Timed]) -> list[dict[str, Any]]:
    peers = {name: timed[name].seconds for name in ("numpy", "faiss IndexFlatIP", "implicit topk")}
    best = min(peers, key=lambda name: float(np.median(peers[name])))
    rows = []
    for side in ("ours, float32", "ours, int8 + float32"):
        own = timed[side].seconds
        metric = (
            f"ms a batch, {side.removeprefix('ours, ')}, recall {_recall(timed[side].items, timed[best].items):.4f}"
        )
        if case in BAR:
            paired = typical(own, peers[best])
            bar, ok = f">= {BAR[case]:g}", paired.ratio >= BAR[case]
            rows.append(_row(case, metric, (own, peers[best]), best, paired, bar, ok=ok))
        else:
            bound = timed["reading float32"].seconds
            paired = typical(own, bound)
            bar, ok = f">= {1 / BOUND:.3f}", paired.ratio >= 1 / BOUND
            rows.append(_row(case, metric, (own, bound), "reading the float32 once", paired, bar, ok=ok))
    return rows


def _row(
    case: str, metric: str, sides: tuple[list[float], list[float]], peer: str, paired: Interval, bar: str, *, ok: bool
) -> dict[str, Any]:
    own, other = (1e3 * float(np.median(seconds)) for seconds in sides)
    return row(case, metric, ours=own, peer=other, peer_name=peer, paired=paired, bar=bar, ok=ok)


def _recall(found: IntArray, wanted: IntArray) -> float:
    """The mean share of the peer's items that are in ours."""
    return float(np.mean([len(np.intersect1d(a, b)) / N for a, b in zip(found, wanted, strict=True)]))


def _told(found: Timed, exact: IntArray) -> dict[str, float]:
    told = {"median ms": round(1e3 * float(np.median(found.seconds)), 4)}
    return told | ({} if found.items.ndim == 1 else {"recall": round(_recall(found.items, exact), 5)})
