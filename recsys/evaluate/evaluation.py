"""What was measured: metrics of one model query by query, in groups of queries, and how two models compare."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import ConfigError
from recsys.metrics import Exposure, Gap, Interval, Mean, bootstrap_groups, gap, paired_ratio
from recsys.metrics.accuracy import Values
from recsys.types import BoolArray, FloatArray, IntArray, TimeArray

NEW_ITEMS = "new_items"
SEGMENT = "="  # a group with this in its name is a segment, ``kind=value``
FEWEST = 30  # queries of a segment; below, its mean says nothing and its rows could point at somebody
Pseudonyms = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics of one model on one holdout, query by query. Names are ``metric@k``.

    Groups: ``all``; ``warm`` (a history) and ``new_users`` (none); segments ``kind=value`` of queries: ``history=1-4``
    and profile columns (``gender=F``, ``age=25-34``); and those of ``per_part``, which hold the queries whose truth has
    items of a part of the catalogue, with the truth restricted to these: ``new_items`` (no event before the cut) and
    segments of items (``media_type=film``).
    """

    name: str
    users: Pseudonyms  # (queries,) whose each query is; no ids
    at: TimeArray  # (queries,) the moment of each query in s UTC, NaN if unknown
    per_query: Mapping[str, Values]  # metric -> (queries,)
    per_part: Mapping[str, Mapping[str, Values]]  # group -> metric -> (queries of the group,)
    groups: Mapping[str, BoolArray]  # group -> (queries,)
    whole: Mapping[str, float]  # coverage@k, gini@k and what else lists have as a whole, see docs/evaluation.md
    exposure: Mapping[str, Mapping[str, Exposure]]  # field -> value -> shares, over the longest lists
    decile_hits: IntArray  # (10,) truth items among the first ten places, by popularity decile of the item
    decile_truth: IntArray  # (10,) truth items, by popularity decile of the item
    seed: int = 0

    def __len__(self) -> int:
        return len(self.users)

    def values(self, metric: str, group: str = "all") -> Values:
        """A metric of each query of a group, (queries of the group,)."""
        if metric not in self.per_query or group not in self.groups:
            known = ", ".join([*self.per_query, "in", *self.groups])
            raise ConfigError(f"{self.name} was not measured by {metric!r} for {group!r}; there are: {known}.")
        if group in self.per_part:
            return self.per_part[group][metric]
        return self.per_query[metric][self.groups[group]]

    def mean(self, metric: str, group: str = "all") -> float:
        """Mean of a metric over a group, or a metric of the lists as a whole; NaN where there is nothing to measure."""
        if metric in self.whole and group == "all":
            return self.whole[metric]
        values = self.values(metric, group)
        return float(values.mean(dtype=np.float64)) if len(values) else math.nan

    def interval(self, metric: str, group: str = "all") -> Mean:
        """Mean of a metric over a group with its interval (95 %), users resampled and not queries."""
        return self._intervals([metric], [group])[0][0]

    @cached_property
    def clusters(self) -> IntArray:
        """(queries,) ``users`` as small numbers: pooled windows and online queries ask for one user many times."""
        return np.unique(self.users, return_inverse=True)[1].astype(np.int32)

    @property
    def by_popularity(self) -> FloatArray:
        """(10,) recall@10 of truth items by their popularity decile, rarest first; NaN where a decile has none."""
        none = np.full(10, np.nan)
        recall = np.divide(self.decile_hits, self.decile_truth, out=none, where=self.decile_truth > 0)
        return np.asarray(recall, np.float32)

    def gap(self, metric: str, kind: str, *, fewest: int = FEWEST) -> Gap:
        """How far the segments of one kind (``history``, ``gender``) are apart, those with ``fewest`` queries or more.

        Raises ConfigError where there are not two of them.
        """
        groups = [name for name in self.groups if name.startswith(f"{kind}{SEGMENT}")]
        groups = [name for name in groups if self.groups[name].sum() >= fewest]
        if len(groups) < 2:
            raise ConfigError(
                f"{self.name} has no two segments of {kind!r} with {fewest} queries or more; there are segments of: "
                f"{self._kinds()}."
            )
        pairs = [(self.groups[group], self.values(metric, group)) for group in groups]
        return gap(pairs, seed=self.seed, clusters=self.clusters)

    def _kinds(self) -> str:
        return ", ".join(sorted({group.split(SEGMENT)[0] for group in self.groups if SEGMENT in group}))

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON: for each group n and each metric's mean, low and high (95 %); None where unknown."""
        groups = {}
        for group, intervals in zip(self.groups, self._intervals(list(self.per_query), list(self.groups)), strict=True):
            means = {
                metric: {part: _known(value) for part, value in interval._asdict().items()}
                for metric, interval in zip(self.per_query, intervals, strict=True)
            }
            groups[group] = {"n": int(self.groups[group].sum()), "metrics": means}
        whole = {metric: _known(value) for metric, value in self.whole.items()}
        curve = [_known(float(value)) for value in self.by_popularity]
        shares = {
            field: {
                value: {part: _known(share) for part, share in shares._asdict().items()} for value, shares in by.items()
            }
            for field, by in self.exposure.items()
        }
        found = {"name": self.name, "groups": groups, "lists": whole, "recall@10_by_popularity": curve}
        return found | {"exposure": shares}

    def _intervals(self, metrics: Sequence[str], groups: Sequence[str]) -> list[list[Mean]]:
        """For each group the interval of each metric, all over the same resamples of users."""
        tables = [np.stack([self.values(metric, group) for metric in metrics], axis=1) for group in groups]
        members = [self.groups[group] for group in groups]
        return bootstrap_groups(list(zip(members, tables, strict=True)), seed=self.seed, clusters=self.clusters)


def pool(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Several windows of one model as one: queries behind each other, metrics of whole lists weighted by queries.

    A group that not every window has is left out.
    """
    if not evaluations:
        raise ConfigError("There is no evaluation to pool; evaluate at least one window.")
    first = evaluations[0]
    sizes = np.array([len(e) for e in evaluations], np.float64)
    groups = [group for group in first.groups if all(group in e.groups for e in evaluations)]
    return Evaluation(
        name=first.name,
        users=np.concatenate([e.users for e in evaluations]),
        at=np.concatenate([e.at for e in evaluations]),
        per_query=_behind_each_other([e.per_query for e in evaluations]),
        per_part={g: _behind_each_other([e.per_part[g] for e in evaluations]) for g in groups if g in first.per_part},
        groups={g: np.concatenate([e.groups[g] for e in evaluations]) for g in groups},
        whole={m: _weighted([e.whole[m] for e in evaluations], sizes) for m in first.whole},
        exposure=_exposure([e.exposure for e in evaluations], sizes),
        decile_hits=np.sum([e.decile_hits for e in evaluations], axis=0, dtype=np.int32),
        decile_truth=np.sum([e.decile_truth for e in evaluations], axis=0, dtype=np.int32),
        seed=first.seed,
    )


def compare(a: Evaluation, b: Evaluation, metric: str = "ndcg@10", seed: int = 0, *, group: str = "all") -> Interval:
    """Mean of ``a`` over mean of ``b`` in a group with its paired interval, users resampled and not queries.

    Raises ConfigError unless both answer the same queries.
    """
    if not (np.array_equal(a.users, b.users) and np.array_equal(a.at, b.at, equal_nan=True)):
        raise ConfigError(f"{a.name} and {b.name} were not measured on the same queries; evaluate both on one split.")
    mine, theirs = a.values(metric, group), b.values(metric, group)
    return paired_ratio(mine, theirs, seed=seed, clusters=a.clusters[a.groups[group]])


def table(evaluations: Sequence[Evaluation], *, k: int = 10) -> list[dict[str, Any]]:
    """Rows for printing, best NDCG first: name, queries and every metric at ``k``; None where unknown."""
    rows = [
        {"name": e.name, "queries": len(e)}
        | {m: _known(e.mean(m)) for m in [*e.per_query, *e.whole] if m.endswith(f"@{k}")}
        for e in evaluations
    ]
    return sorted(rows, key=lambda row: -(row.get(f"ndcg@{k}") or 0.0))


def pseudonyms(users: Sequence[str]) -> Pseudonyms:
    """(users,) the first eight bytes of the sha256 of each id: the same in every run, and not the id.

    They pair runs; they are no secret, since whoever knows an id can compute its pseudonym.
    """
    digests = (int.from_bytes(sha256(user.encode()).digest()[:8], "big") for user in users)
    return np.fromiter(digests, np.uint64, len(users))


def _behind_each_other(tables: Sequence[Mapping[str, Values]]) -> dict[str, Values]:
    return {metric: np.concatenate([one[metric] for one in tables]) for metric in tables[0]}


def _exposure(
    windows: Sequence[Mapping[str, Mapping[str, Exposure]]], sizes: NDArray[np.float64]
) -> dict[str, dict[str, Exposure]]:
    """Shares weighted by queries, of the values that every window has."""
    pooled: dict[str, dict[str, Exposure]] = {}
    for field, first in windows[0].items():
        values = [value for value in first if all(value in window.get(field, {}) for window in windows)]
        shares = {value: zip(*(window[field][value] for window in windows), strict=True) for value in values}
        pooled[field] = {
            value: Exposure(*(_weighted(part, sizes) for part in parts)) for value, parts in shares.items()
        }
    return pooled


def _weighted(values: Sequence[float], sizes: NDArray[np.float64]) -> float:
    """Mean weighted by queries; windows where the value is unknown are left out."""
    known = ~np.isnan(values)
    total = sizes[known].sum()
    return float((np.asarray(values)[known] * sizes[known]).sum() / total) if total else math.nan


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
