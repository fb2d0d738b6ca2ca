"""The invariant: what is shown is a subset of what safety allows, and a list is full where it may be.

Random worlds of a few thousand requests each go through the real engine and stores: users, surfaces, territories, ages,
overrides, campaigns, packs, labels, rights, takedowns, upserts, caps, filters, series, pages, clocks that jump, and
failures of stores, models and the reranker. An oracle that shares no code with the product (``benchmarks.oracle``)
judges every list. A fault is printed as the smallest world that still shows it.
"""

import json
import logging
import time
from typing import Any

import structlog

from benchmarks.form import Options, result
from benchmarks.worlds import Outcome, play, shrunk, world

BARS = "0 items shown that the oracle forbids; 0 lists short while the oracle has more; 1,000,000 requests"
REQUESTS, QUICK = 1_000_000, 3_000
WORLD = 2_000  # requests of one world
SEED = 0
KINDS = ("forbidden", "short", "crashed")
MOST = 5  # faults after which it stops


def run(options: Options) -> dict[str, Any]:
    """Play worlds from a seed on until so many requests were answered."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    started = time.perf_counter()
    wanted = options.count or (QUICK if options.quick else REQUESTS)
    seed = SEED if options.seed is None else options.seed
    total = played(wanted, seed)
    seconds = time.perf_counter() - started
    counts = {kind: sum(fault["fault"] == kind for fault in total.faults) for kind in KINDS}
    rows = [_row("forbidden", "items shown that the oracle forbids", counts["forbidden"], total.requests, wanted)]
    missing = counts["short"] + counts["crashed"]
    rows.append(_row("short", "lists short while the oracle has more", missing, total.requests, wanted))
    details = {
        "requests": total.requests,
        "items_shown": total.shown,
        "lists_below_k": total.short,
        "requests_per_second": round(total.requests / seconds, 1),
        "crashed": counts["crashed"],
        "faults": total.faults,
    }
    settings = {"requests": wanted, "seed": seed, "world": WORLD}
    return result("invariant", rows, details=details, settings=settings, seconds=seconds)


def played(wanted: int, seed: int, *, each: int = WORLD, tell: bool = True) -> Outcome:
    """Worlds from ``seed`` on, together; each fault with the seed of its world."""
    total = Outcome()
    started = time.perf_counter()
    while total.requests < wanted and len(total.faults) < MOST:
        made = world(seed, min(each, wanted - total.requests))
        found = play(made)
        total.requests += found.requests
        total.shown += found.shown
        total.short += found.short
        total.faults += [{**fault, "seed": seed} for fault in found.faults]
        if tell:
            _tell(made, found, total, time.perf_counter() - started)
        seed += 1
    return total


def _tell(made: dict[str, Any], found: Outcome, total: Outcome, seconds: float) -> None:
    if found.faults:
        print(f"world {made['seed']}: {found.faults[0]}")
        print(json.dumps(shrunk(made, found.faults[0]["fault"])))
    elif made["seed"] % 10 == 9:
        print(f"{total.requests} requests, {total.requests / seconds:.0f}/s, {len(total.faults)} faults", flush=True)


def _row(case: str, metric: str, faults: int, requests: int, wanted: int) -> dict[str, Any]:
    """There is no peer: the bar is none at all in so many requests."""
    told = {"case": case, "metric": metric, "ours": faults, "peer": 0, "peer_name": "the oracle"}
    ok = faults == 0 and requests >= wanted
    return {**told, "ratio": 1.0 if ok else 0.0, "low": 1.0, "high": 1.0, "bar": f"0 of {wanted}", "ok": ok}
