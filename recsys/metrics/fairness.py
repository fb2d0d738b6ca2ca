"""Who gets how much: quality by groups of users, and places in lists by groups of items."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError
from recsys.metrics.intervals import Clusters, Mean, resampled_groups, spread
from recsys.types import BoolArray, IntArray


class Gap(NamedTuple):
    """How far groups are apart in a metric.

    Both are of the best and the worst group of each resample, so where groups are small chance alone makes a gap:
    compare it with that of another model on the same groups, not with 0.
    """

    difference: Mean  # best minus worst mean
    ratio: Mean  # worst over best mean: 1 where all are equal


class Exposure(NamedTuple):
    """The share that the items of one group have of three things; each sums to 1 over all groups."""

    shown: float  # of the attention that lists give: 1 / log2(place + 1) for a place (Singh & Joachims 2018)
    catalogue: float  # of the items
    consumed: float  # of the events


def gap(groups: Sequence[tuple[BoolArray, NDArray[Any]]], *, seed: int, clusters: Clusters | None = None) -> Gap:
    """The gap between groups: the members (n,) of each and their values (members,); NaN where a group is empty.

    Raises ConfigError where there are fewer than two groups.
    """
    if len(groups) < 2:
        raise ConfigError(f"A gap is between two groups or more, and there are {len(groups)}.")
    if any(len(values) == 0 for _, values in groups):
        return Gap(*[Mean(np.nan, np.nan, np.nan)] * 2)
    tables = [(members, values[:, None]) for members, values in groups]
    means = np.hstack(resampled_groups(tables, seed=seed, clusters=clusters))  # (repeats, groups)
    means = means[~np.isnan(means).any(axis=1)]
    centre = np.array([[values.mean(dtype=np.float64) for _, values in groups]])
    return Gap(
        spread(float(_difference(centre)[0]), _difference(means)), spread(float(_ratio(centre)[0]), _ratio(means))
    )


def exposure(top: IntArray, group: Sequence[str | None], popularity: NDArray[Any]) -> Mapping[str, Exposure]:
    """How lists (queries, places), padded with -1, share their places among groups of items, the most consumed first.

    ``group`` (items,) is None for items of an unknown one, which are left out; ``popularity`` (items,) is in events.
    """
    names = sorted({name for name in group if name})
    code = {name: at for at, name in enumerate(names)}
    member = np.array([code.get(name or "", -1) for name in group], np.int64)  # (items,)
    weight = np.broadcast_to(1.0 / np.log2(np.arange(2, top.shape[1] + 2)), top.shape)
    own = np.where(top >= 0, member[top], -1) if len(member) else np.full(top.shape, -1)
    known = member >= 0
    shares = (
        _shares(own[own >= 0], weight[own >= 0], len(names)),
        _shares(member[known], np.ones(int(known.sum())), len(names)),
        _shares(member[known], np.asarray(popularity, np.float64)[known], len(names)),
    )
    order = sorted(range(len(names)), key=lambda at: -shares[2][at])
    return {names[at]: Exposure(*(float(share[at]) for share in shares)) for at in order}


def _shares(group: NDArray[np.int64], weight: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """(n,) shares of the weight; NaN where there is none."""
    total = weight.sum()
    return np.asarray(np.bincount(group, weight, n) / total) if total > 0 else np.full(n, np.nan)


def _difference(means: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(means.max(axis=1) - means.min(axis=1))


def _ratio(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Worst over best; 1 where all are 0."""
    best = means.max(axis=1)
    return np.asarray(np.divide(means.min(axis=1), best, out=np.ones(len(means)), where=best > 0))
