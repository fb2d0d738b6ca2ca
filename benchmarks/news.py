"""News an hour ahead: how much of the gap a spec closes between recent popularity and what a clairvoyant would list.

Those asked are the users who read something new to them in the hour behind a cut; what they had read before is left out
of every list. The peer counts the clicks of its best window; the clairvoyant counts those of the coming hour itself,
which is the best that one list for everybody can be about.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from benchmarks.fallback import gains, popular_lists
from benchmarks.form import Options, result, row
from benchmarks.logs import folder, quick_users, read
from benchmarks.product import held, spec_of, told
from recsys.dataset.data import Dataset, Holdout, Split
from recsys.dataset.splits import splits
from recsys.dataset.splitspec import SplitSpec
from recsys.metrics import Interval
from recsys.types import FloatArray

BARS = "default spec, one hour ahead: ≥ .20 of the gap from popular to clairvoyant in the mean, below popular at none"
BENCH = "news"
LOG = "globo-news"
METRIC = "ndcg@20"
CUTS = {
    "10-10T20": datetime(2017, 10, 10, 20, tzinfo=UTC),
    "10-12T12": datetime(2017, 10, 12, 12, tzinfo=UTC),
    "10-14T12": datetime(2017, 10, 14, 12, tzinfo=UTC),
}
CASES = tuple(CUTS)
HOUR = timedelta(hours=1)
MINUTES = (5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 360, 720, 1440, 2880, 4320, 7200, 10080)
MEAN_BAR, EACH_BAR = 0.20, 0.0
_REPEATS = 1000


@dataclass(frozen=True, eq=False)
class Gap:
    """What each query has of the three lists, NDCG (queries,)."""

    ours: FloatArray
    popular: FloatArray
    clairvoyant: FloatArray

    @property
    def share(self) -> float:
        """How much of the way from popular to clairvoyant ours goes."""
        return float(_shares(*(values.mean(dtype=np.float64)[None] for values in self._columns))[0])

    def resampled(self, rng: np.random.Generator) -> FloatArray:
        """(repeats,) shares over resampled queries; each is another user."""
        table = np.stack(self._columns, axis=1).astype(np.float64)  # (queries, 3)
        n = len(table)
        means = [np.bincount(rng.integers(0, n, n), minlength=n) @ table / n for _ in range(_REPEATS)]
        return _shares(*np.array(means).T)

    @property
    def _columns(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self.ours, self.popular, self.clairvoyant


def run(options: Options) -> dict[str, Any]:
    """Every cut, or the one asked for."""
    begin = time.perf_counter()
    data = read(folder(options, LOG), users=None if quick_users(options) is None else 20_000)
    spec = spec_of(options, [f"metric={METRIC}"])
    gaps: dict[str, Gap] = {}
    details: dict[str, Any] = {}
    for case in [options.case] if options.case else CASES:
        split = split_at(data, CUTS[case])
        minutes, popular = best_window(split)
        contest = held([split], spec, case)
        clairvoyant = gains(popular_lists(_next_hour(data, CUTS[case]), split.test), split.test)
        gaps[case] = Gap(np.asarray(contest.best.test.values(METRIC), np.float32), popular, clairvoyant)
        details[case] = {
            "queries": len(split.test),
            "ours": told(contest, METRIC),
            "popular": {"minutes": minutes, "test": _mean(popular)},
            "clairvoyant": {"test": _mean(clairvoyant)},
        }
    settings = {"data": LOG, "spec": options.spec, "cuts": list(details), "quick": options.quick}
    return result(BENCH, rows(gaps), details=details, settings=settings, seconds=time.perf_counter() - begin)


def split_at(data: Dataset, cut: datetime) -> Split:
    """Train up to the hour before a cut, that hour, and the hour behind it, in which the log ends."""
    end = (cut + HOUR).timestamp()
    known = data.subset(np.asarray(data.time) < end, end)
    return splits(known, SplitSpec(strategy="time", cuts=(cut - HOUR, cut)))[0]


def best_window(split: Split) -> tuple[int, FloatArray]:
    """The window, in minutes, that would have been best for the hour before, and what it gives on test (queries,)."""

    def quality(minutes: int) -> float:
        return float(_by_window(split.train, minutes, split.validation).mean())

    best = max(reversed(MINUTES), key=quality)  # the longest of equals
    return best, _by_window(split.train_validation, best, split.test)


def rows(gaps: dict[str, Gap]) -> list[dict[str, Any]]:
    """One line a cut, and their mean where there are more."""
    rng = np.random.default_rng(0)
    resampled = {case: gap.resampled(rng) for case, gap in gaps.items()}
    lines = [_row(case, [gap], resampled[case], EACH_BAR) for case, gap in gaps.items()]
    if len(gaps) > 1:
        lines.append(_row("mean", list(gaps.values()), np.mean(list(resampled.values()), axis=0), MEAN_BAR))
    return lines


def counts(data: Dataset, minutes: float) -> FloatArray:
    """(items,) events of the newest ``minutes``, and less than one more for those before, so that none is a tie."""
    recent = data.ages_days * 1440 < minutes
    whole = np.bincount(data.item, minlength=data.n_items)
    return np.asarray(np.bincount(data.item[recent], minlength=data.n_items) + whole / (1.0 + whole.sum()), np.float32)


def _by_window(data: Dataset, minutes: int, holdout: Holdout) -> FloatArray:
    return gains(popular_lists(counts(data, minutes), holdout), holdout)


def _next_hour(data: Dataset, cut: datetime) -> FloatArray:
    time = np.asarray(data.time)
    coming = (time >= cut.timestamp()) & (time < (cut + HOUR).timestamp())
    return np.bincount(data.item[coming], minlength=data.n_items).astype(np.float32)


def _row(case: str, gaps: Sequence[Gap], resampled: FloatArray, bar: float) -> dict[str, Any]:
    share = float(np.mean([gap.share for gap in gaps]))
    low, high = np.quantile(resampled, (0.025, 0.975))
    return row(
        case,
        f"share of the gap closed, {METRIC}",
        ours=float(np.mean([gap.ours.mean() for gap in gaps])),
        peer=float(np.mean([gap.popular.mean() for gap in gaps])),
        peer_name="popular, best window",
        paired=Interval(share, float(low), float(high)),
        bar=f">= {bar:.2f}",
        ok=share >= bar,
    )


def _shares(ours: FloatArray, popular: FloatArray, clairvoyant: FloatArray) -> FloatArray:
    return np.asarray((ours - popular) / (clairvoyant - popular), np.float64)


def _mean(values: FloatArray) -> float:
    return round(float(values.mean(dtype=np.float64)), 5)
