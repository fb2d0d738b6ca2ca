"""How ``ranker`` is told, fitted and loaded."""

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, PositiveInt, model_validator
from threadpoolctl import threadpool_limits

from recsys.dataset.data import Dataset, Holdout
from recsys.errors import BundleError
from recsys.models.files import load_arrays
from recsys.models.item_item import sample
from recsys.models.parts import Part, load_parts, proposed, reference_items
from recsys.models.ranker.facts import Facts
from recsys.models.ranker.learning import learn, table_of
from recsys.models.ranker.model import RankerModel
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register

Weight = Annotated[float, Field(allow_inf_nan=False)]
_TAUGHT = 100  # candidates of each part that weights are learned on
_SIGNIFICANT = 5  # digits of a weight


@register("ranker")
class Ranker(Recipe):
    """A second stage, learned: each part proposes its best ``candidates``, and a conditional logit ranks the union.

    It weighs the parts' standard scores and facts of the items (see ``Facts``), for each length of history apart:
    shorter than the first of ``lengths`` (events), from the first on, from the second on, and so on. ``weights`` are
    pairs of a feature's name and its weight for each length; None are learned on the holdout, which no part has seen,
    and refits keep them. Without a holdout every part counts alike and the facts do not.
    """

    parts: tuple[Part, ...] = Field(min_length=1)
    lengths: tuple[PositiveInt, ...] = (1, 20)
    weights: tuple[tuple[str, tuple[Weight, ...]], ...] | None = None
    candidates: int = Field(default=200, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> "Ranker":
        if list(self.lengths) != sorted(set(self.lengths)):
            raise ValueError("lengths must ascend")
        for name, row in self.weights or ():
            if len(row) != len(self.lengths) + 1:
                raise ValueError(
                    f"weights: {name} needs {len(self.lengths) + 1} of them, one for each length of history"
                )
        return self

    def fit(self, data: Dataset, ctx: FitContext) -> RankerModel:
        """Fit the parts, and learn the weights on the holdout where the recipe leaves them open."""
        parts = tuple(ctx.fit(part, data) for part in self.parts)
        fixed = self.model_copy(update={"parts": tuple(part.recipe for part in parts)})
        model = RankerModel(fixed, parts, reference_items(data), Facts.of(data))
        if self.weights is not None:
            return model
        buckets = len(self.lengths) + 1
        weights = np.zeros((buckets, len(model.features)))
        weights[:, : len(parts)] = 1.0 / len(parts)
        if ctx.holdout is not None and len(ctx.holdout):
            weights = _learned(model, ctx.holdout, data, ctx, weights)
        rows = tuple((name, _told(column)) for name, column in zip(model.features, weights.T, strict=True))
        recipe = fixed.model_copy(update={"weights": rows})
        return RankerModel(recipe, parts, model.reference, model.facts)

    @classmethod
    def load(cls, folder: Path) -> Model:
        recipe = load_recipe(folder)
        if not isinstance(recipe, Ranker) or recipe.weights is None:
            raise BundleError(f"{folder} holds a {recipe.name}, not a fitted ranker; publish the bundle again.")
        (reference,) = load_arrays(folder, "reference")
        return RankerModel(recipe, load_parts(len(recipe.parts), folder), reference, Facts.load(folder))


def _learned(model: RankerModel, holdout: Holdout, data: Dataset, ctx: FitContext, otherwise: np.ndarray) -> np.ndarray:
    """(buckets, features) by the holdout's queries; ``otherwise`` where no part proposes anything that is wanted."""
    asked = sample(holdout)
    with threadpool_limits(1, "blas"):  # one query at a time is too little for more threads
        found = proposed(model.parts, asked.queries, _TAUGHT, np.ones(data.n_items, np.bool_), asked.exclude)
        features = [model.table(query, items)[0] for query, items in zip(asked.queries, found, strict=True)]
    bucket = np.array([model.bucket(query) for query in asked.queries], np.int32)
    table = table_of(features, found, asked.truth, bucket)
    if table is None:
        return otherwise
    learned = learn(table, len(otherwise), ctx.rng())
    ctx.report(0, {"ndcg@10": learned.ndcg * len(table) / len(asked)})
    return learned.weights


def _told(weights: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{weight:.{_SIGNIFICANT}g}") for weight in weights.tolist())
