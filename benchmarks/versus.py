"""A spec of this project against the field of peers, on the split that a benchmark prescribes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import specs
from benchmarks.field import Budget, Standing, measured, tune
from benchmarks.form import Options, result, row
from benchmarks.product import held, source_of, spec_of, told
from recsys.metrics import paired_ratio
from training.selection import Contest

METRIC = "ndcg@20"


@dataclass(frozen=True)
class Case:
    """A log: what the benchmark prescribes to any spec (as ``--set`` would), and what the tuning of a peer may cost."""

    settings: tuple[str, ...]
    trials: int
    queries: int = 1_000_000

    @property
    def prescribed(self) -> tuple[str, ...]:
        return (*self.settings, f"metric={METRIC}")


def tune_cases(bench: str, cases: Mapping[str, Case], options: Options) -> None:
    """Tune the peers on every case, or on the one asked for."""
    for name, case in _wanted(cases, options).items():
        source = source_of(options, name, spec_of(options, case.prescribed))
        tune((bench, name), source.windows[0], Budget(case.trials, case.queries), options)


def run_cases(bench: str, cases: Mapping[str, Case], options: Options, *, bar: float) -> dict[str, Any]:
    """One row a case: ours, chosen on validation, against the peer that turns out best on test itself."""
    begin = time.perf_counter()
    rows, details = [], {}
    for name, case in _wanted(cases, options).items():
        spec = spec_of(options, case.prescribed)
        table = specs.load(bench, name, options)
        source = source_of(options, name, spec)
        peers = measured(table, source.windows[0])
        ours = held(source.windows, spec, name)
        rows.append(_row(name, ours, peers, bar))
        details[name] = {"ours": told(ours, METRIC), "peers": _told(peers, table), "split": source.windows[0].name}
    settings = {"spec": options.spec, "quick": options.quick, **{name: case.settings for name, case in cases.items()}}
    return result(bench, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _wanted(cases: Mapping[str, Case], options: Options) -> dict[str, Case]:
    return {name: case for name, case in cases.items() if options.case in (None, name)}


def _row(case: str, ours: Contest, peers: list[Standing], bar: float) -> dict[str, Any]:
    best = max(peers, key=lambda peer: peer.test)
    mine = ours.best.test
    paired = paired_ratio(mine.values(METRIC), best.values, seed=0, clusters=mine.clusters)
    return row(
        case,
        METRIC,
        ours=mine.mean(METRIC),
        peer=best.test,
        peer_name=best.name,
        paired=paired,
        bar=f">= {bar:.2f}",
        ok=bool(paired.ratio >= bar),
    )


def _told(peers: list[Standing], table: Mapping[str, Any]) -> dict[str, Any]:
    standings = {
        peer.name: {
            "validation": round(peer.validation, 5),
            "test": round(peer.test, 5),
            "settings": table[peer.name]["settings"],
        }
        for peer in peers
    }
    return {**standings, "budget": table["budget"]}
