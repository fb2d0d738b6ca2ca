"""One pass over the queries of a holdout: ask for the lists, see which places hit, and count every metric from that."""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset, Holdout
from recsys.evaluate.evaluation import NEW_ITEMS, Evaluation, pseudonyms
from recsys.evaluate.segments import ITEM_FIELDS, item_segments, query_segments
from recsys.metrics import (
    Exposure,
    accuracy_metrics,
    calibration_errors,
    coverage,
    deciles,
    exposure,
    filled,
    gini,
    hits,
    intra_list_diversity,
    item_features,
    novelty,
    popularity_lift,
    popularity_share,
    serendipity,
    top_matrix,
)
from recsys.metrics.accuracy import Values, flat
from recsys.models.recipe import Model
from recsys.types import BoolArray, IntArray

CALIBRATED = ("genres", "tags")  # the first that any item has
EXPOSED = 12  # values of a field, the most consumed first
_CHUNK = 512  # queries asked at once, at most
_RECALL_PLACES = 10  # of the curve by popularity


def evaluate(
    model: Model,
    holdout: Holdout,
    data: Dataset,
    *,
    ks: Sequence[int] = (5, 10, 20),
    name: str = "",
    seed: int = 0,
    threads: int = 0,
) -> Evaluation:
    """Ask ``model`` for every query of ``holdout`` and measure its lists; ``data`` is what the model was fitted on.

    ``threads`` 0 asks on all cores; the result is the same for any number.
    """
    top = shown(model, holdout, data.n_items, max(*ks, _RECALL_PLACES), threads=threads)
    lists = _Lists.of(top, holdout.truth)
    members = {NEW_ITEMS: ~holdout.seen_items, **item_segments(data.catalogue, lists.wanted, lists.owner)}
    parts = {group: lists.restricted(items) for group, items in members.items()}
    decile_hits, decile_truth = lists.by_decile(deciles(_popularity(data)))
    return Evaluation(
        name=name or model.recipe.name,
        users=pseudonyms(data.users.external(holdout.users)),
        at=np.fromiter((query.at for query in holdout.queries), np.float64, len(holdout)),
        per_query=lists.accuracy(ks),
        per_part={group: part.accuracy(ks) for group, part in parts.items()},
        groups=_groups(holdout, {group: part.query for group, part in parts.items()}),
        whole=_whole(lists, holdout, data, ks),
        exposure=_exposures(top[:, : max(ks)], data),
        decile_hits=decile_hits,
        decile_truth=decile_truth,
        seed=seed,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Lists:
    """What was shown to some queries, and what they wanted."""

    query: IntArray  # (rows,) which query of the holdout each row is
    top: IntArray  # (rows, places) padded with -1
    hit: BoolArray  # (rows, places)
    wanted: IntArray  # (truths,) items, row by row
    owner: IntArray  # (truths,) the row that each of them belongs to

    @classmethod
    def of(cls, top: IntArray, truth: Sequence[IntArray]) -> "_Lists":
        wanted, lengths = flat(truth)
        query = np.arange(len(truth), dtype=np.int32)
        return cls(query, top, hits(top, truth), wanted, np.repeat(query, lengths))

    def restricted(self, members: BoolArray) -> "_Lists":
        """The same lists where only truth among ``members`` (items,) counts; queries without any are left out."""
        keep = members[self.wanted]
        rows, owner = np.unique(self.owner[keep], return_inverse=True)
        top = self.top[rows]
        hit = self.hit[rows] & members[top]  # padding never hits
        return _Lists(self.query[rows], top, hit, self.wanted[keep], owner.astype(np.int32))

    def accuracy(self, ks: Sequence[int]) -> dict[str, Values]:
        """Every accuracy metric at every k, (rows,) each."""
        n_truth = np.bincount(self.owner, minlength=len(self.top)).astype(np.int32)
        return {f"{name}@{k}": metric(self.hit, n_truth, k) for name, metric in accuracy_metrics().items() for k in ks}

    def by_decile(self, decile: IntArray) -> tuple[IntArray, IntArray]:
        """Truth items found in the first ten places, and all of them, by popularity decile: two (10,)."""
        places = slice(None, _RECALL_PLACES)
        found = decile[self.top[:, places][self.hit[:, places]]]
        counts = (np.bincount(part, minlength=10).astype(np.int32) for part in (found, decile[self.wanted]))
        return next(counts), next(counts)


def shown(model: Model, holdout: Holdout, n_items: int, places: int, *, threads: int = 0) -> IntArray:
    """(queries, places): the lists of a model over all items, seen ones removed, padded with -1."""
    allowed = np.ones(n_items, np.bool_)
    top = np.full((len(holdout), places), -1, np.int32)

    def ask(start: int) -> None:
        part = slice(start, start + chunk)
        top[part] = top_matrix(model.top(holdout.queries[part], places, allowed, holdout.exclude[part]), places)

    crew = threads or os.cpu_count() or 1
    chunk = min(_CHUNK, max(1, -(-len(holdout) // crew)))  # few queries are shared out too
    with threadpool_limits(1 if crew > 1 else None, "blas"), ThreadPoolExecutor(crew) as pool:
        list(pool.map(ask, range(0, len(holdout), chunk)))  # a list: what one of them raises is raised here
    return top


def accuracy(top: IntArray, truth: Sequence[IntArray], ks: Sequence[int]) -> dict[str, Values]:
    """Every registered accuracy metric at every k of lists (queries, places), (queries,) each."""
    return _Lists.of(top, truth).accuracy(ks)


def _groups(holdout: Holdout, parts: Mapping[str, IntArray]) -> dict[str, BoolArray]:
    """(queries,) members of each group; ``parts`` names the queries of those that restrict the truth."""
    n = len(holdout)
    warm = np.fromiter((len(query) > 0 for query in holdout.queries), np.bool_, n)
    groups = {"all": np.ones(n, np.bool_), "warm": warm, "new_users": ~warm}
    for group, queries in parts.items():
        groups[group] = np.zeros(n, np.bool_)
        groups[group][queries] = True
    return groups | query_segments(holdout.queries)


def _whole(lists: _Lists, holdout: Holdout, data: Dataset, ks: Sequence[int]) -> dict[str, float]:
    """Metrics of the lists as a whole, beyond accuracy."""
    popularity = _popularity(data)
    features, values = item_features(data.catalogue), item_features(data.catalogue, [_field(data.catalogue)])
    histories = [(query.items, query.weights) for query in holdout.queries]
    found: dict[str, float] = {}
    for k in ks:
        shown = lists.top[:, :k]
        unexpected = serendipity(shown, lists.hit[:, :k], holdout.exclude, popularity)
        found |= {
            f"coverage@{k}": coverage(shown, data.n_items),
            f"gini@{k}": gini(shown, data.n_items),
            f"novelty@{k}": novelty(shown, popularity),
            f"serendipity@{k}": _mean(unexpected),
            f"diversity@{k}": intra_list_diversity(shown, features),
            f"calibration_error@{k}": _mean(calibration_errors(shown, histories, values)),
            f"popularity_share@{k}": popularity_share(shown, popularity),
            f"popularity_lift@{k}": popularity_lift(shown, [items for items, _ in histories], popularity),
            f"filled@{k}": filled(shown),
        }
    return found


def _exposures(top: IntArray, data: Dataset) -> dict[str, Mapping[str, Exposure]]:
    """By provider and the other fields of segments, those that tell items apart."""
    shares = {field: exposure(top, data.catalogue.column(field), _popularity(data)) for field in ITEM_FIELDS}
    return {field: dict(list(by.items())[:EXPOSED]) for field, by in shares.items() if len(by) > 1}


def _popularity(data: Dataset) -> IntArray:
    """(items,) events."""
    return np.bincount(data.item, minlength=data.n_items).astype(np.int32)


def _field(catalogue: Catalogue) -> str:
    """What calibration is measured by."""
    return next((name for name in CALIBRATED if any(catalogue.column(name))), CALIBRATED[0])


def _mean(values: Values) -> float:
    """Mean over the queries of which it is known; NaN where it is of none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan
