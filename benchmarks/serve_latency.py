"""Latency of a list at half of what the service can do, against a no-op route of the same process at the same rate."""

import time
from typing import Any

import numpy as np

from benchmarks.form import Options, result, row
from benchmarks.load import Measured
from benchmarks.ratios import over_rounds
from benchmarks.serving_cases import CASES, case_of
from benchmarks.serving_runs import CONNECTIONS, OURS, PEER, Server, cores, product

BARS = "at half of saturation: single p50 ≤ no-op + 1.5 ms, p99 ≤ no-op + 5 ms; default p99 ≤ 50 ms"
ROUNDS, SECONDS = 5, 20.0
SATURATION_SECONDS = 6.0
MORE = {"p50": 1.5, "p99": 5.0}  # ms above the no-op route
MOST = 50.0  # ms


def run(options: Options) -> dict[str, Any]:
    """Both cases, or the one asked for."""
    begin = time.perf_counter()
    rows, details = [], {}
    for name in (name for name in CASES if options.case in (None, name)):
        with product(case_of(name, options)) as server:
            rate, found = _runs(server, options)
        rows += _rows(name, found)
        details[name] = {
            "rate": round(rate, 1),
            **{path: [(round(one.p50, 3), round(one.p99, 3)) for one in runs] for path, runs in found.items()},
        }
    settings = {"connections": CONNECTIONS, "cores (server, load)": cores(), "quick": options.quick}
    return result("serve_latency", rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _runs(server: Server, options: Options) -> tuple[float, dict[str, list[Measured]]]:
    """Half of the rate that the service reaches, and the alternated runs at it."""
    rounds, seconds = (2, 2.0) if options.quick else (ROUNDS, SECONDS)
    server.load(OURS, min(seconds, SATURATION_SECONDS))  # warm
    rate = server.load(OURS, min(seconds, SATURATION_SECONDS)).rate / 2
    found: dict[str, list[Measured]] = {OURS: [], PEER: []}
    for _ in range(rounds):
        for path, runs in found.items():
            runs.append(server.load(path, seconds, rate=rate))
    return rate, found


def _rows(case: str, found: dict[str, list[Measured]]) -> list[dict[str, Any]]:
    rows = []
    for metric in ("p50", "p99") if case == "single" else ("p99",):
        ours, peer = ([float(getattr(one, metric)) for one in found[path]] for path in (OURS, PEER))
        own, other = float(np.median(ours)), float(np.median(peer))
        most = other + MORE[metric] if case == "single" else MOST
        bar = f"<= no-op + {MORE[metric]:g} ms" if case == "single" else f"<= {MOST:g} ms"
        rows.append(
            row(
                case,
                f"{metric}, ms",
                ours=own,
                peer=other,
                peer_name="a no-op route",
                paired=over_rounds(ours, peer),
                bar=bar,
                ok=own <= most,
            )
        )
    return rows
