"""Most liked items of late. The floor that every other model has to beat."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recsys.dataset.data import Dataset, Holdout
from recsys.metrics.accuracy import flat
from recsys.models.files import load_arrays, save_arrays
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register, save_recipe
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

HALF_LIVES = (1 / 24, 0.25, 1.0, 3.0, 7.0, 14.0, 30.0, 90.0, 365.0, 36_500.0)  # days; the last hardly decays at all
DEFAULT_HALF_LIFE = 30.0
_PLACES = 10  # half-lives are chosen by NDCG at this many
_TRACE = 1e-30  # added for each event, so that what has decayed to nothing still ranks by its count


@register("popular")
class Popular(Recipe):
    """Positive events of each item, each weight halved once per half-life of its age.

    Scores are decayed event weights, not probabilities; an item without a positive event is abstained from.
    ``half_life_days`` None is chosen on the holdout, from an hour to a century; 30 days without a holdout or times.
    """

    half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    def fit(self, data: Dataset, ctx: FitContext) -> "PopularModel":
        half_life = self.half_life_days
        if half_life is None:
            timed = ctx.holdout is not None and len(ctx.holdout) > 0 and bool(np.isfinite(data.time).any())
            half_life = _choose(data, ctx.holdout) if timed and ctx.holdout else DEFAULT_HALF_LIFE
        return PopularModel(Popular(half_life_days=half_life), decayed_counts(data, half_life))

    @classmethod
    def load(cls, folder: Path) -> Model:
        (scores,) = load_arrays(folder, "scores")
        return PopularModel(load_recipe(folder), scores)


class PopularModel:
    """The same ranking for everyone."""

    def __init__(self, recipe: Recipe, scores: FloatArray) -> None:
        self.recipe = recipe
        self.scores = scores  # (items,) decayed weights, 0 where an item had no positive event
        self._ranking = np.where(scores > 0, scores, -np.inf).astype(np.float32)

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The most consumed items, the same for every query but for what it excludes."""
        longest = max((len(hidden) for hidden in exclude), default=0)
        nothing = [np.zeros(0, np.int32)]
        source = self.recipe.name
        (everyone,) = top_k(self._ranking[None, :], n + longest if n > 0 else 0, allowed, nothing, source)
        lists = []
        for hidden in exclude:
            keep = np.flatnonzero(~np.isin(everyone.items, hidden))[:n]
            lists.append(Ranked(everyone.items[keep], everyone.scores[keep], source))
        return lists

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        return np.tile(self._ranking[items], (len(queries), 1))

    def save(self, folder: Path) -> None:
        save_arrays(folder, scores=self.scores)
        save_recipe(self.recipe, folder)


def decayed_counts(data: Dataset, half_life_days: float) -> FloatArray:
    """(items,) weights of positive events, halved once per ``half_life_days`` before the newest moment of the data."""
    liked = np.asarray(data.positive)
    weight = data.weight[liked] * np.exp2(-data.ages_days[liked].astype(np.float64) / half_life_days)
    return np.bincount(data.item[liked], weight + _TRACE, data.n_items).astype(np.float32)


def _choose(data: Dataset, holdout: Holdout) -> float:
    """The half-life with the best NDCG; the longer one of equals, which forgets less."""
    quality = [_ndcg(decayed_counts(data, half_life), holdout) for half_life in reversed(HALF_LIVES)]
    return HALF_LIVES[::-1][int(np.argmax(quality))]


def _ndcg(scores: FloatArray, holdout: Holdout) -> float:
    """Mean NDCG of one ranking for everyone: a truth item's place is its rank less the hidden items before it."""
    place = np.empty(len(scores), np.int64)
    place[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    truth, n_truth = flat(holdout.truth)
    hidden, n_hidden = flat(holdout.exclude)
    asker = np.repeat(np.arange(len(holdout)), n_truth)
    ahead = np.sort(np.repeat(np.arange(len(holdout)), n_hidden) * len(scores) + place[hidden])
    before = np.searchsorted(ahead, asker * len(scores) + place[truth])
    first = np.cumsum(n_hidden) - n_hidden  # hidden items of earlier queries
    rank = place[truth] - (before - first[asker])  # 0 is the best
    gain = np.where((rank < _PLACES) & (scores[truth] > 0), 1.0 / np.log2(rank + 2.0), 0.0)
    ideal: NDArray[np.float64] = np.cumsum(1.0 / np.log2(np.arange(2, _PLACES + 2)))
    total = np.bincount(asker, gain, len(holdout))
    return float((total / ideal[np.minimum(np.maximum(n_truth, 1), _PLACES) - 1]).mean())
