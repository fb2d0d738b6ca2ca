"""A global time split: the default spec against the best tuned peer, each with popular for whom it cannot serve."""

from typing import Any

from benchmarks.form import Options
from benchmarks.versus import Case, run_cases, tune_cases

BARS = "default spec: ndcg@20 over all test users ≥ 1.10 of the best tuned peer"
BENCH = "temporal"
BAR = 1.10
SPLIT = ("split.strategy=time", "split.windows=1", "split.validation=0.1", "split.test=0.1")
CASE_BY_NAME = {
    "ml-100k": Case((*SPLIT, "events.rating.positive=value >= 4"), trials=40),
    "movietweetings-100k": Case((*SPLIT, "events.rating.positive=value >= 7"), trials=40),
}
CASES = tuple(CASE_BY_NAME)


def tune(options: Options) -> None:
    """Choose the peers' settings on validation."""
    tune_cases(BENCH, CASE_BY_NAME, options)


def run(options: Options) -> dict[str, Any]:
    """Both logs, or the one asked for."""
    return run_cases(BENCH, CASE_BY_NAME, options, bar=BAR)
