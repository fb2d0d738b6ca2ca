"""Bootstrap intervals over queries, seeded and without loops over queries (Efron 1979).

Queries of one user are alike, so where ``clusters`` (n,) say whose each query is, whole users are resampled and not
queries (Davison & Hinkley 1997, 3.8): a user with many queries must not make an interval look sure of itself.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError

Clusters = NDArray[np.integer]
_DRAWS = 1 << 22  # resampled queries held at once: 32 MiB


class Mean(NamedTuple):
    """A mean and its percentile interval."""

    mean: float
    low: float
    high: float


class Interval(NamedTuple):
    """A ratio of means and its percentile interval."""

    ratio: float
    low: float
    high: float


def bootstrap(
    values: NDArray[Any], *, seed: int, clusters: Clusters | None = None, level: float = 0.95, repeats: int = 1000
) -> Mean:
    """Mean of ``values`` (n,) with the interval of means of resamples; NaN throughout where there are none."""
    columns = np.asarray(values)[:, None]
    return bootstrap_columns(columns, seed=seed, clusters=clusters, level=level, repeats=repeats)[0]


def bootstrap_columns(
    values: NDArray[Any], *, seed: int, clusters: Clusters | None = None, level: float = 0.95, repeats: int = 1000
) -> list[Mean]:
    """A ``Mean`` for each column of ``values`` (n, columns), all over the same resamples of rows."""
    if len(values) == 0:
        return [Mean(np.nan, np.nan, np.nan)] * values.shape[1]
    means = np.concatenate(list(_resampled(values, clusters, seed, repeats)))  # (repeats, columns)
    low, high = np.quantile(means, _tails(level), axis=0)
    centre = values.mean(axis=0, dtype=np.float64)
    return [Mean(float(c), float(a), float(b)) for c, a, b in zip(centre, low, high, strict=True)]


def paired_ratio(
    a: NDArray[Any], b: NDArray[Any], *, seed: int, clusters: Clusters | None = None, repeats: int = 1000
) -> Interval:
    """Mean of ``a`` over mean of ``b`` (n,), both measured on the same queries, which are resampled in pairs.

    The interval holds 95 %. Nothing over nothing is 1, something over nothing is infinite; NaN throughout where there
    are no queries.
    """
    if len(a) != len(b):
        raise ConfigError(f"A paired ratio needs the same queries on both sides, not {len(a)} and {len(b)}.")
    if len(a) == 0:
        return Interval(np.nan, np.nan, np.nan)
    both = np.stack([a, b], axis=1).astype(np.float64)  # (n, 2)
    means = np.concatenate(list(_resampled(both, clusters, seed, repeats)))
    # "lower" and "higher" stand at values that occurred: between infinities there is nothing to interpolate
    low = np.quantile(_over(means[:, 0], means[:, 1]), _tails(0.95)[0], method="lower")
    high = np.quantile(_over(means[:, 0], means[:, 1]), _tails(0.95)[1], method="higher")
    ratio = _over(both[:, 0].mean(keepdims=True), both[:, 1].mean(keepdims=True))[0]
    return Interval(float(ratio), float(low), float(high))


def _over(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise a / b with 0 / 0 = 1 and x / 0 = inf."""
    ratio = np.where(a > 0, np.inf, 1.0)
    return np.divide(a, b, out=ratio, where=b > 0)


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2


def _resampled(
    values: NDArray[Any], clusters: Clusters | None, seed: int, repeats: int
) -> Iterator[NDArray[np.float64]]:
    """Blocks of means over the rows of resampled clusters, (repeats of the block, columns)."""
    rng = np.random.default_rng(seed)
    sums, sizes = _by_cluster(values.astype(np.float64), clusters)
    n = len(sums)
    step = max(1, _DRAWS // n)
    for start in range(0, repeats, step):
        block = min(step, repeats - start)
        drawn = rng.integers(0, n, (block, n), dtype=np.int32)
        drawn += (np.arange(block, dtype=np.int32) * n)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=block * n).reshape(block, n)
        times = counts.astype(np.float64)
        yield times @ sums / (times @ sizes)[:, None]


def _by_cluster(
    values: NDArray[np.float64], clusters: Clusters | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums (clusters, columns) and numbers (clusters,) of the rows of each cluster; each row its own without any."""
    if clusters is None:
        return values, np.ones(len(values))
    if len(clusters) != len(values):
        raise ConfigError(f"Every row needs its cluster: there are {len(values)} rows and {len(clusters)} clusters.")
    _, cluster, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    sizes = counts.astype(np.float64)
    if len(sizes) == len(values):
        return values, sizes
    sums = np.stack([np.bincount(cluster, column, len(sizes)) for column in values.T], axis=1)
    return sums.astype(np.float64), sizes
