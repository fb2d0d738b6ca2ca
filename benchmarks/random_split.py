"""A seeded fifth of each user's works held out: the default spec against the best of the tuned peers."""

from typing import Any

from benchmarks.form import Options
from benchmarks.versus import Case, run_cases, tune_cases

BARS = "default spec: ndcg@20 over all test users ≥ 1.03 of the best tuned peer"
BENCH = "random"
BAR = 1.03
SPLIT = ("split.strategy=random", "split.windows=1", "split.validation=0.1", "split.test=0.2", "split.seed=0")
CASE_BY_NAME = {
    "goodbooks-10k": Case((*SPLIT, "events.rating.positive=value >= 4"), trials=8, queries=3000),
    "lastfm-hetrec": Case(SPLIT, trials=16),
}
CASES = tuple(CASE_BY_NAME)


def tune(options: Options) -> None:
    """Choose the peers' settings on validation."""
    tune_cases(BENCH, CASE_BY_NAME, options)


def run(options: Options) -> dict[str, Any]:
    """Both logs, or the one asked for."""
    return run_cases(BENCH, CASE_BY_NAME, options, bar=BAR)
