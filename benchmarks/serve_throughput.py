"""Lists a second against a route of the same BentoML process that only sends the same bytes."""

import math
import time
from typing import Any

import numpy as np

from benchmarks.form import Options, result, row
from benchmarks.memory_shared import shared_memory
from benchmarks.ratios import over_rounds
from benchmarks.serving_cases import CASES, Case, K, case_of
from benchmarks.serving_runs import CONNECTIONS, LEAN, OURS, PEER, Server, cores, product
from recsys.types import IntArray, query

BARS = "requests/s of a no-op route: single ≥ 0.6×, default ≥ 0.15×"
BAR = {"single": 0.6, "default": 0.15}
RECALL = 0.99
ROUNDS, SECONDS = 9, 2.5  # short ones, alternated: what else the machine does hits all routes alike
WARM_SECONDS = 2.5


def run(options: Options) -> dict[str, Any]:
    """Both cases, or the one asked for."""
    begin = time.perf_counter()
    rows, details = [], {}
    for name in (name for name in CASES if options.case in (None, name)):
        case = case_of(name, options)
        with product(case) as server:
            rates = _rates(server, options)
        recall = recall_at_k(case) if name == "single" else math.nan  # a blend ranks what its parts propose
        rows.append(_row(name, rates, recall))
        details[name] = {
            "requests/s": {path: round(float(np.median(found)), 1) for path, found in rates.items()},
            "against a no-op without BentoML's spans": round(
                float(np.median(np.array(rates[OURS]) / np.array(rates[LEAN]))), 4
            ),
            f"recall@{K}": None if math.isnan(recall) else recall,
            "sources": [str(model.recipe.params()) for model in case.bundle.pipeline.sources],
        }
        if not options.quick:
            details[name]["memory of four workers over one"] = shared_memory(case)
    settings = {"connections": CONNECTIONS, "cores (server, load)": cores(), "quick": options.quick}
    return result("serve_throughput", rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _rates(server: Server, options: Options) -> dict[str, list[float]]:
    """Requests a second by route, a value a round."""
    rounds, seconds = (2, 1.0) if options.quick else (ROUNDS, SECONDS)
    rates: dict[str, list[float]] = {OURS: [], PEER: [], LEAN: []}
    for path in rates:
        server.load(path, min(seconds, WARM_SECONDS))
    for _ in range(rounds):
        for path, found in rates.items():
            found.append(server.load(path, seconds).rate)
    return rates


def recall_at_k(case: Case, asked: int = 100) -> float:
    """The share of the exact first 20 that the first source finds, with a seen filter and a mask."""
    bundle = case.bundle
    model, n = bundle.pipeline.sources[0], len(bundle.catalogue)
    rng = np.random.default_rng(2)
    allowed = rng.random(n) < 0.9
    everything = np.arange(n, dtype=np.int32)
    hits = 0
    for _ in range(asked):
        history = np.sort(rng.choice(n, min(50, n // 2), replace=False)).astype(np.int32)
        own = query(history, at=0.0)
        found = model.top([own], K, allowed, [history])[0].items
        scores = model.score([own], everything)[0]
        scores[~allowed] = -np.inf
        scores[history] = -np.inf
        exact: IntArray = np.argsort(-scores, kind="stable")[:K]
        hits += len(np.intersect1d(found, exact))
    return round(hits / (asked * K), 4)


def _row(name: str, rates: dict[str, list[float]], recall: float) -> dict[str, Any]:
    paired = over_rounds([1 / r for r in rates[OURS]], [1 / r for r in rates[PEER]])
    bar = BAR[name]
    fine = paired.ratio >= bar and (name != "single" or recall >= RECALL)
    told = f">= {bar:g}" + (f" and recall@{K} >= {RECALL:g}" if name == "single" else "")
    ours, peer = float(np.median(rates[OURS])), float(np.median(rates[PEER]))
    return row(name, "requests/s", ours=ours, peer=peer, peer_name="a no-op route", paired=paired, bar=told, ok=fine)
