"""When a curve reaches a target, and how two sides compare over rounds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from recsys.metrics import Interval
from recsys.types import FloatArray


@dataclass(frozen=True)
class Point:
    """Where a fit stood after an epoch."""

    epoch: int
    seconds: float  # of training, preparation included
    ndcg: float


@dataclass
class Track:
    """A curve with what each query had at every point of it."""

    seconds: list[float] = field(default_factory=list)
    values: list[FloatArray] = field(default_factory=list)  # of (queries,)

    @property
    def points(self) -> list[Point]:
        """Means over all queries."""
        means = [float(values.mean()) for values in self.values]
        return [Point(at, *both) for at, both in enumerate(zip(self.seconds, means, strict=True), 1)]


def reached(points: Sequence[Point], target: float) -> int | None:
    """The first epoch at which a curve is at the target, None if it never is."""
    return next((point.epoch for point in points if point.ndcg >= target), None)


def over_rounds(ours: Sequence[float], peer: Sequence[float]) -> Interval:
    """Median over rounds of the peer's time over ours, with the smallest and the largest."""
    ratios = np.array(peer) / np.array(ours)
    return Interval(float(np.median(ratios)), float(ratios.min()), float(ratios.max()))


def typical(ours: Sequence[float], peer: Sequence[float]) -> Interval:
    """The same with the quartiles: of many short rounds, one that something else disturbed says nothing."""
    ratios = np.array(peer) / np.array(ours)
    low, middle, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    return Interval(float(middle), float(low), float(high))


def times(mine: Sequence[Point], theirs: Sequence[Point], share: float) -> tuple[float, float]:
    """Seconds of ours and of the peer to that share of the peer's best NDCG; infinite where ours never came so far."""
    target = share * max(point.ndcg for point in theirs)
    own, at = reached(mine, target), reached(theirs, target) or 1
    return math.inf if own is None else mine[own - 1].seconds, theirs[at - 1].seconds


def over_queries(mine: Track, theirs: Track, share: float, *, seed: int = 0, repeats: int = 200) -> Interval:
    """The peer's time over ours to that share of the peer's best NDCG, with the interval (95 %) over resampled queries.

    Each resample sets its own target; a ratio of zero says that ours did not reach it.
    """
    rng = np.random.default_rng(seed)
    n = len(mine.values[0])
    tables = [np.stack(track.values) for track in (mine, theirs)]  # (points, queries) each
    ratios = []
    for _ in range(repeats):
        weight = np.bincount(rng.integers(0, n, n), minlength=n) / n
        curves = [
            [
                Point(at, seconds, float(ndcg))
                for at, (seconds, ndcg) in enumerate(zip(track.seconds, table @ weight, strict=True), 1)
            ]
            for track, table in zip((mine, theirs), tables, strict=True)
        ]
        own, peer = times(*curves, share)
        ratios.append(peer / own)
    own, peer = times(mine.points, theirs.points, share)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Interval(peer / own, float(min(low, peer / own)), float(max(high, peer / own)))
