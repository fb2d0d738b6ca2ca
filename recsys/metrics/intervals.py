"""Bootstrap intervals over queries, seeded and without loops over queries (Efron 1979).

Queries of one user are alike, so where ``clusters`` (n,) say whose each query is, whole users are resampled and not
queries (Davison & Hinkley 1997, 3.8): a user with many queries must not make an interval look sure of itself.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError
from recsys.types import BoolArray

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
    everyone = [(np.ones(len(values), np.bool_), values)]
    return bootstrap_groups(everyone, seed=seed, clusters=clusters, level=level, repeats=repeats)[0]


def bootstrap_groups(
    groups: Sequence[tuple[BoolArray, NDArray[Any]]],
    *,
    seed: int,
    clusters: Clusters | None = None,
    level: float = 0.95,
    repeats: int = 1000,
) -> list[list[Mean]]:
    """A ``Mean`` for each column of each group: its members (n,) and their values (members, columns)."""
    resampled = resampled_groups(groups, seed=seed, clusters=clusters, repeats=repeats)
    found = []
    for (_, values), means in zip(groups, resampled, strict=True):
        if len(values) == 0:
            found.append([Mean(np.nan, np.nan, np.nan)] * values.shape[1])
            continue
        told = means[~np.isnan(means[:, 0])] if values.shape[1] else means
        centre = values.mean(axis=0, dtype=np.float64).tolist()
        low, high = np.quantile(told, _tails(level), axis=0).tolist()
        found.append([Mean(*mean) for mean in zip(centre, low, high, strict=True)])
    return found


def resampled_groups(
    groups: Sequence[tuple[BoolArray, NDArray[Any]]],
    *,
    seed: int,
    clusters: Clusters | None = None,
    repeats: int = 1000,
) -> list[NDArray[np.float64]]:
    """For each group (repeats, columns) means of resamples, the same resamples of all n rows for all groups.

    A group is its members (n,) and their values (members, columns); NaN where a resample has none of them.
    """
    cluster = _numbered(len(groups[0][0]), clusters)
    tables = [_sums(cluster[members], values, _count(cluster)) for members, values in groups]
    means: list[list[NDArray[np.float64]]] = [[np.zeros((0, values.shape[1]))] for _, values in groups]
    for times in _times(_count(cluster), seed, repeats):
        for found, (sums, sizes) in zip(means, tables, strict=True):
            own = np.flatnonzero(sizes)
            drawn = times[:, own] if len(own) < len(sizes) else times
            size = (drawn @ sizes[own])[:, None]  # (repeats of the block, 1)
            total = drawn @ sums[own]
            found.append(np.divide(total, size, out=np.full_like(total, np.nan), where=size > 0))
    return [np.concatenate(found) for found in means]


def spread(centre: float, resampled: NDArray[np.float64], *, level: float = 0.95) -> Mean:
    """A value with the percentile interval of what resamples (repeats,) gave for it."""
    low, high = np.quantile(resampled, _tails(level))
    return Mean(centre, float(low), float(high))


def paired_ratio(
    a: NDArray[Any], b: NDArray[Any], *, seed: int, clusters: Clusters | None = None, repeats: int = 1000
) -> Interval:
    """Mean of ``a`` over mean of ``b`` (n,), both measured on the same queries, which are resampled in pairs.

    The interval holds 95 %. Nothing over nothing is 1, something over nothing is infinite; NaN throughout where there
    are no queries.
    """
    if len(a) != len(b):
        raise ConfigError(f"A paired ratio needs the same queries on both sides, not {len(a)} and {len(b)}.")
    everyone = (np.ones(len(a), np.bool_), np.asarray(a)[:, None], np.asarray(b)[:, None])
    return paired_ratio_groups([everyone], seed=seed, clusters=clusters, repeats=repeats)[0][0]


def paired_ratio_groups(
    groups: Sequence[tuple[BoolArray, NDArray[Any], NDArray[Any]]],
    *,
    seed: int,
    clusters: Clusters | None = None,
    repeats: int = 1000,
) -> list[list[Interval]]:
    """A ``paired_ratio`` for each column of each group, all over the same resamples of all rows.

    A group is its members (n,) and their values on both sides, each (members, columns).
    """
    tables = [(members, np.concatenate([a, b], axis=1)) for members, a, b in groups]
    resampled = resampled_groups(tables, seed=seed, clusters=clusters, repeats=repeats)
    return [_ratios(both, means) for (_, both), means in zip(tables, resampled, strict=True)]


def _ratios(both: NDArray[Any], means: NDArray[np.float64]) -> list[Interval]:
    """Of two sides beside each other (n, 2 * columns), with their means in resamples (repeats, 2 * columns)."""
    if len(both) == 0:
        return [Interval(np.nan, np.nan, np.nan)] * (both.shape[1] // 2)
    ratios = _over(*np.hsplit(means[~np.isnan(means).any(axis=1)], 2))  # (repeats, columns)
    # "lower" and "higher" stand at values that occurred: between infinities there is nothing to interpolate
    low = np.quantile(ratios, _tails(0.95)[0], axis=0, method="lower").tolist()
    high = np.quantile(ratios, _tails(0.95)[1], axis=0, method="higher").tolist()
    centre = _over(*np.hsplit(both.mean(axis=0, dtype=np.float64), 2)).tolist()
    return [Interval(*found) for found in zip(centre, low, high, strict=True)]


def _over(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Elementwise a / b with 0 / 0 = 1 and x / 0 = inf."""
    ratio = np.where(a > 0, np.inf, 1.0)
    return np.divide(a, b, out=ratio, where=b > 0)


def _tails(level: float) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2


def _times(n: int, seed: int, repeats: int) -> Iterator[NDArray[np.float64]]:
    """How often each of ``n`` clusters is in each resample, in blocks (repeats of the block, n)."""
    rng = np.random.default_rng(seed)
    step = max(1, _DRAWS // max(n, 1))
    for start in range(0, repeats if n else 0, step):
        block = min(step, repeats - start)
        drawn = rng.integers(0, n, (block, n), dtype=np.int32)
        drawn += (np.arange(block, dtype=np.int32) * n)[:, None]
        yield np.bincount(drawn.ravel(), minlength=block * n).reshape(block, n).astype(np.float64)


def _numbered(n: int, clusters: Clusters | None) -> NDArray[np.integer]:
    """(n,) the cluster of each row, counted from 0 without gaps; each row its own without any."""
    if clusters is None:
        return np.arange(n)
    if len(clusters) != n:
        raise ConfigError(f"Every row needs its cluster: there are {n} rows and {len(clusters)} clusters.")
    return np.unique(clusters, return_inverse=True)[1]


def _count(cluster: NDArray[np.integer]) -> int:
    return int(cluster.max()) + 1 if len(cluster) else 0


def _sums(
    cluster: NDArray[np.integer], values: NDArray[Any], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums (n, columns) and numbers (n,) of the rows of each of ``n`` clusters."""
    sizes = np.bincount(cluster, minlength=n).astype(np.float64)
    sums = np.zeros((n, values.shape[1]))
    for place, column in enumerate(values.T):
        sums[:, place] = np.bincount(cluster, column, n)
    return sums, sizes
