"""Most liked items of late. The floor that every other model has to beat."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import Field

from recsys.dataset.data import Dataset, Holdout
from recsys.models.files import load_arrays, save_arrays
from recsys.models.one_ranking import TRACE, Asked, best_half_life, same_for_all
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register, save_recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

HALF_LIVES = (
    *(36_500.0, 365.0, 90.0, 30.0, 14.0, 7.0, 3.0, 1.0, 1 / 4, 1 / 24),  # days; the first hardly decays at all
    *(1 / 48, 1 / 144, 1 / 288, 1 / 480, 1 / 720),  # 30, 10, 5, 3 and 2 minutes
)
DEFAULT_HALF_LIFE = 30.0


@register("popular")
class Popular(Recipe):
    """Positive events of each item, each weight halved once per half-life of its age.

    Scores are decayed event weights, not probabilities; an item without a positive event is abstained from.
    ``half_life_days`` None is chosen on the holdout, from 2 minutes to a century; 30 days without a holdout or times.
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
        return same_for_all(self._ranking, n, allowed, exclude, self.recipe.name)

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        scores = np.empty((len(queries), len(items)), np.float32)
        scores[:] = self._ranking[items]
        return scores

    def save(self, folder: Path) -> None:
        save_arrays(folder, scores=self.scores)
        save_recipe(self.recipe, folder)


def decayed_counts(data: Dataset, half_life_days: float) -> FloatArray:
    """(items,) weights of positive events, halved once per ``half_life_days`` before the newest moment of the data."""
    liked = np.asarray(data.positive)
    weight = data.weight[liked] * np.exp2(-data.ages_days[liked].astype(np.float64) / half_life_days)
    return np.bincount(data.item[liked], weight + TRACE, data.n_items).astype(np.float32)


def _choose(data: Dataset, holdout: Holdout) -> float:
    asked = Asked.of(holdout.truth, holdout.exclude)
    return best_half_life(HALF_LIVES, np.stack([asked.gains(decayed_counts(data, days)) for days in HALF_LIVES]))
