"""The invariant: what is shown is a subset of what safety allows, and a list is full where it may be.

Random worlds of a few thousand requests each go through the real engine and stores: users, surfaces, territories, ages,
overrides, campaigns, kill switches, packs that are published, rolled back and tried, labels, rights, takedowns,
upserts, erasures, caps, filters, series, pages, clocks that jump and are changed, and failures of stores, models and
the reranker. An oracle that shares no code with the product (``benchmarks.oracle``) judges the bytes of every list. A
fault is printed as the smallest world that still shows it.

A world is known by its seed alone, so that worlds may be shared out (``--jobs``) and a run that was interrupted goes on
where it was (``--journal FILE``, a line a world).
"""

import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import count
from multiprocessing import get_context
from typing import Any

import structlog

from benchmarks._journal import Journal, tree
from benchmarks.form import Options, result
from benchmarks.worlds import Outcome, Tally, play, shrunk, world

BARS = "0 items shown that the oracle forbids; 0 lists short while the oracle has more; 1,000,000 requests"
REQUESTS, QUICK = 1_000_000, 3_000
WORLD = 4_000  # requests of one world
SEED = 0
KINDS = ("forbidden", "short", "crashed")
MOST = 5  # faults after which it stops
WHOLE = 200_000  # requests from which on every kind of thing has to have come up

Played = dict[str, Any]  # what a world came to, as it stands in the journal


def run(options: Options) -> dict[str, Any]:
    """Play worlds from a seed on until so many requests were answered."""
    started = time.perf_counter()
    wanted = options.count or (QUICK if options.quick else REQUESTS)
    seed = SEED if options.seed is None else options.seed
    each = min(WORLD, max(1, wanted // 12))
    settings = {"requests": wanted, "seed": seed, "world": each}
    journal = Journal(options.journal, {"seed": seed, "world": each, "tree": tree()})
    total = played(wanted, seed, each=each, jobs=options.jobs, journal=journal)
    print(total.tally.table())
    missing = total.tally.missing()
    print(f"never drawn: {', '.join(missing) or 'nothing'}")
    counts = {kind: sum(fault["fault"] == kind for fault in total.faults) for kind in KINDS}
    rows = [_row("forbidden", "items shown that the oracle forbids", counts["forbidden"], total.requests, wanted)]
    short = counts["short"] + counts["crashed"]
    rows.append(_row("short", "lists short while the oracle has more", short, total.requests, wanted))
    if wanted >= WHOLE:
        rows.append(_row("covered", "kinds of things that never came up", len(missing), total.requests, wanted))
    details = {
        "requests": total.requests,
        "items_shown": total.shown,
        "lists_below_k": total.short,
        "cpu_seconds": round(total.seconds, 1),
        "crashed": counts["crashed"],
        "faults": total.faults,
        "never_drawn": missing,
        "drawn": total.tally.plain(),
    }
    return result("invariant", rows, details=details, settings=settings, seconds=time.perf_counter() - started)


def played(
    wanted: int, seed: int, *, each: int = WORLD, jobs: int = 1, journal: Journal | None = None, tell: bool = True
) -> Outcome:
    """Worlds from ``seed`` on, together; each fault with the seed of its world."""
    journal = Journal(None, {}) if journal is None else journal
    total, started = Outcome(), time.perf_counter()
    for line in journal.lines:
        _add(total, line)
    before = total.requests
    seeds = (number for number in count(seed) if number not in journal.seeds)
    for line in _each(seeds, each, jobs, total, wanted):
        journal.write(line)
        _add(total, line)
        if tell:
            _tell(line, total, wanted, (total.requests - before) / (time.perf_counter() - started))
    return total


def _each(seeds: Iterator[int], each: int, jobs: int, total: Outcome, wanted: int) -> Iterator[Played]:
    """One world after the other, or as they are done by so many processes, until ``total`` has what is wanted."""

    def enough(under_way: int = 0) -> bool:
        return total.requests + under_way * each >= wanted or len(total.faults) >= MOST

    if jobs <= 1:
        while not enough():
            yield one(next(seeds), min(each, wanted - total.requests) if wanted < WHOLE else each)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running: set[Future[Played]] = set()
        while running or not enough():
            while len(running) < jobs and not enough(len(running)):
                running.add(pool.submit(one, next(seeds), each))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)


def one(seed: int, requests: int) -> Played:
    """A world of a seed, played to its end; with a fault, the smallest world that still shows it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    started = time.process_time()
    made = world(seed, requests)
    found = play(made)
    seconds = round(time.process_time() - started, 2)
    line = {"seed": seed, "requests": found.requests, "shown": found.shown, "short": found.short, "seconds": seconds}
    line |= {"faults": [{**fault, "seed": seed} for fault in found.faults], "tally": found.tally.plain()}
    return line | ({"smallest": shrunk(made, found.faults[0]["fault"])} if found.faults else {})


def _add(total: Outcome, line: Played) -> None:
    total.requests += line["requests"]
    total.shown += line["shown"]
    total.short += line["short"]
    total.seconds += line["seconds"]
    total.faults += line["faults"]
    total.tally.update(Tally(line["tally"]))


def _tell(line: Played, total: Outcome, wanted: int, rate: float) -> None:
    if line["faults"]:
        print(f"world {line['seed']}: {line['faults'][0]}")
        print(json.dumps(line["smallest"]))
    left = max(0, wanted - total.requests) / rate / 60
    cpu = 1e3 * total.seconds / max(1, total.requests)
    told = f"{total.requests:,} of {wanted:,} requests, {len(total.faults)} faults, {cpu:.2f} ms of CPU each"
    print(f"{told}, {rate:.0f}/s, {left:.0f} min left", flush=True)


def _row(case: str, metric: str, faults: int, requests: int, wanted: int) -> dict[str, Any]:
    """There is no peer: the bar is none at all in so many requests."""
    told = {"case": case, "metric": metric, "ours": faults, "peer": 0, "peer_name": "the oracle"}
    ok = faults == 0 and requests >= wanted
    return {**told, "ratio": 1.0 if ok else 0.0, "low": 1.0, "high": 1.0, "bar": f"0 of {wanted}", "ok": ok}
