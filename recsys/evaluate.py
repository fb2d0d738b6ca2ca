"""How good a model's lists are: full ranking over the whole catalogue, seen items removed, never sampled negatives."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.data import Dataset, Holdout
from recsys.errors import ConfigError
from recsys.metrics import (
    Interval,
    Mean,
    accuracy_metrics,
    bootstrap,
    bootstrap_columns,
    coverage,
    deciles,
    filled,
    hits,
    intra_list_diversity,
    item_features,
    novelty,
    paired_ratio,
    popularity_share,
    top_matrix,
)
from recsys.models.recipe import Model
from recsys.types import BoolArray, FloatArray, IntArray

NEW_ITEMS = "new_items"
_CHUNK = 512  # queries asked at once
_RECALL_PLACES = 10  # of the curve by popularity


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics of one model on one holdout, query by query. Names are ``metric@k``.

    Groups: ``all``; ``warm`` (a history) and ``new_users`` (none); ``new_items``: queries whose truth holds items
    without an event before the cut, with the truth restricted to these.
    """

    name: str
    users: list[str]  # external ids, aligned with every query array
    per_query: Mapping[str, FloatArray]  # metric -> (queries,)
    new_items: Mapping[str, FloatArray]  # metric -> (queries,), the truth restricted to new items; 0 where none is
    groups: Mapping[str, BoolArray]  # group -> (queries,)
    whole: Mapping[str, float]  # coverage@k, novelty@k, diversity@k, popularity_share@k, filled@k over all lists
    decile_hits: IntArray  # (10,) truth items among the first ten places, by popularity decile of the item
    decile_truth: IntArray  # (10,) truth items, by popularity decile of the item
    seed: int = 0

    def values(self, metric: str, group: str = "all") -> FloatArray:
        """A metric of each query of a group, (queries of the group,)."""
        table = self.new_items if group == NEW_ITEMS else self.per_query
        if metric not in table or group not in self.groups:
            known = ", ".join([*self.per_query, "in", *self.groups])
            raise ConfigError(f"{self.name} was not measured by {metric!r} for {group!r}; there are: {known}.")
        return table[metric][self.groups[group]]

    def mean(self, metric: str, group: str = "all") -> float:
        """Mean of a metric over a group, or a metric of the lists as a whole; NaN where there is nothing to measure."""
        if metric in self.whole and group == "all":
            return self.whole[metric]
        values = self.values(metric, group)
        return float(values.mean(dtype=np.float64)) if len(values) else math.nan

    def interval(self, metric: str, group: str = "all") -> Mean:
        """Mean of a metric over a group with its interval (95 %), users resampled and not queries."""
        clusters = self.clusters[self.groups[group]]
        return bootstrap(self.values(metric, group), seed=self.seed, clusters=clusters)

    @cached_property
    def clusters(self) -> IntArray:
        """(queries,) whose each query is: windows that are pooled, and online queries, ask for one user many times."""
        number: dict[str, int] = {}
        return np.array([number.setdefault(user, len(number)) for user in self.users], np.int32)

    @property
    def by_popularity(self) -> FloatArray:
        """(10,) recall@10 of truth items by their popularity decile, rarest first; NaN where a decile has none."""
        none = np.full(10, np.nan)
        recall = np.divide(self.decile_hits, self.decile_truth, out=none, where=self.decile_truth > 0)
        return np.asarray(recall, np.float32)

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON: for each group n and each metric's mean, low and high (95 %); None where unknown."""
        groups = {group: self._group(group) for group in self.groups}
        whole = {metric: _known(value) for metric, value in self.whole.items()}
        curve = [_known(float(value)) for value in self.by_popularity]
        return {"name": self.name, "groups": groups, "lists": whole, "recall@10_by_popularity": curve}

    def _group(self, group: str) -> dict[str, Any]:
        names = list(self.per_query)
        table = np.stack([self.values(metric, group) for metric in names], axis=1)  # (queries, metrics)
        intervals = bootstrap_columns(table, seed=self.seed, clusters=self.clusters[self.groups[group]])
        metrics = {
            metric: {part: _known(value) for part, value in interval._asdict().items()}
            for metric, interval in zip(names, intervals, strict=True)
        }
        return {"n": len(table), "metrics": metrics}


def evaluate(
    model: Model,
    holdout: Holdout,
    data: Dataset,
    *,
    ks: Sequence[int] = (5, 10, 20),
    name: str = "",
    seed: int = 0,
) -> Evaluation:
    """Ask ``model`` for every query of ``holdout`` and measure its lists; ``data`` is what the model was fitted on."""
    top = _ask(model, holdout, data.n_items, max(*ks, _RECALL_PLACES))
    popularity = np.bincount(data.item, minlength=data.n_items).astype(np.int32)
    has_history = np.fromiter((len(query) > 0 for query in holdout.queries), np.bool_, len(holdout))
    fresh = [truth[~holdout.seen_items[truth]] for truth in holdout.truth]
    groups = {
        "all": np.ones(len(holdout), np.bool_),
        "warm": has_history,
        "new_users": ~has_history,
        NEW_ITEMS: np.fromiter((len(truth) > 0 for truth in fresh), np.bool_, len(holdout)),
    }
    decile_hits, decile_truth = _by_decile(top, holdout.truth, deciles(popularity))
    return Evaluation(
        name=name or model.recipe.name,
        users=data.users.external(holdout.users),
        per_query=_accuracy(top, holdout.truth, ks),
        new_items=_accuracy(top, fresh, ks),
        groups=groups,
        whole=_lists(top, data, popularity, ks),
        decile_hits=decile_hits,
        decile_truth=decile_truth,
        seed=seed,
    )


def pool(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Several windows of one model as one: queries behind each other, metrics of whole lists weighted by queries."""
    if not evaluations:
        raise ConfigError("There is no evaluation to pool; evaluate at least one window.")
    first = evaluations[0]
    sizes = np.array([len(e.users) for e in evaluations], np.float64)
    return Evaluation(
        name=first.name,
        users=[user for e in evaluations for user in e.users],
        per_query={m: np.concatenate([e.per_query[m] for e in evaluations]) for m in first.per_query},
        new_items={m: np.concatenate([e.new_items[m] for e in evaluations]) for m in first.new_items},
        groups={g: np.concatenate([e.groups[g] for e in evaluations]) for g in first.groups},
        whole={m: _weighted([e.whole[m] for e in evaluations], sizes) for m in first.whole},
        decile_hits=np.sum([e.decile_hits for e in evaluations], axis=0, dtype=np.int32),
        decile_truth=np.sum([e.decile_truth for e in evaluations], axis=0, dtype=np.int32),
        seed=first.seed,
    )


def compare(a: Evaluation, b: Evaluation, metric: str = "ndcg@10", seed: int = 0) -> Interval:
    """Mean of ``a`` over mean of ``b`` with its paired interval, users resampled and not queries.

    Raises ConfigError unless both answer the same queries.
    """
    if a.users != b.users:
        raise ConfigError(f"{a.name} and {b.name} were not measured on the same queries; evaluate both on one split.")
    return paired_ratio(a.values(metric), b.values(metric), seed=seed, clusters=a.clusters)


def table(evaluations: Sequence[Evaluation], *, k: int = 10) -> list[dict[str, Any]]:
    """Rows for printing, best NDCG first: name, queries and every metric at ``k``; None where unknown."""
    rows = [
        {"name": e.name, "queries": len(e.users)}
        | {m: _known(e.mean(m)) for m in [*e.per_query, *e.whole] if m.endswith(f"@{k}")}
        for e in evaluations
    ]
    return sorted(rows, key=lambda row: -(row.get(f"ndcg@{k}") or 0.0))


def _ask(model: Model, holdout: Holdout, n_items: int, places: int) -> IntArray:
    """(queries, places): the lists over all items, padded with -1."""
    allowed = np.ones(n_items, np.bool_)
    blocks = [np.zeros((0, places), np.int32)]
    for start in range(0, len(holdout), _CHUNK):
        part = slice(start, start + _CHUNK)
        lists = model.top(holdout.queries[part], places, allowed, holdout.exclude[part])
        blocks.append(top_matrix(lists, places))
    return np.concatenate(blocks)


def _accuracy(top: IntArray, truth: Sequence[IntArray], ks: Sequence[int]) -> dict[str, FloatArray]:
    hit = hits(top, truth)
    n_truth = np.fromiter((len(t) for t in truth), np.int32, len(truth))
    return {f"{name}@{k}": metric(hit, n_truth, k) for name, metric in accuracy_metrics().items() for k in ks}


def _lists(top: IntArray, data: Dataset, popularity: IntArray, ks: Sequence[int]) -> dict[str, float]:
    features = item_features(data.catalogue)
    values: dict[str, float] = {}
    for k in ks:
        shown = top[:, :k]
        values[f"coverage@{k}"] = coverage(shown, data.n_items)
        values[f"novelty@{k}"] = novelty(shown, popularity)
        values[f"diversity@{k}"] = intra_list_diversity(shown, features)
        values[f"popularity_share@{k}"] = popularity_share(shown, popularity)
        values[f"filled@{k}"] = filled(shown)
    return values


def _by_decile(top: IntArray, truth: Sequence[IntArray], decile: IntArray) -> tuple[IntArray, IntArray]:
    """Truth items found in the first ten places, and all of them, by popularity decile: two (10,)."""
    shown = top[:, :_RECALL_PLACES]
    found = decile[shown[hits(shown, truth)]]
    wanted = decile[np.concatenate(truth)] if len(truth) else found
    return np.bincount(found, minlength=10).astype(np.int32), np.bincount(wanted, minlength=10).astype(np.int32)


def _weighted(values: Sequence[float], sizes: NDArray[np.float64]) -> float:
    """Mean weighted by queries; windows where the value is unknown are left out."""
    known = ~np.isnan(values)
    total = sizes[known].sum()
    return float((np.asarray(values)[known] * sizes[known]).sum() / total) if total else math.nan


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
