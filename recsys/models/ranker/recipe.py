"""How ``ranker`` is told, fitted and loaded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import Field, PositiveInt, model_validator
from threadpoolctl import threadpool_limits

from recsys.dataset.data import Dataset, Holdout
from recsys.dataset.splits import newest
from recsys.errors import BundleError, FitError
from recsys.models.files import load_arrays
from recsys.models.item_item import sample
from recsys.models.parts import Part, load_parts, proposed, reference_items
from recsys.models.ranker.facts import Facts, span_of
from recsys.models.ranker.judge import Judge
from recsys.models.ranker.learning import Table, table_of, together
from recsys.models.ranker.model import RankerModel
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register

_TAUGHT = 100  # candidates of each part that are learned from
_ENOUGH, _SLICES = 400, 4  # queries for which one slice is enough, and slices at most
_SMALL = 200_000  # events: up to here parts are fitted so quickly that several moments of a log are worth their time
_ASKED = 500  # queries of each of several slices


@register("ranker")
class Ranker(Recipe):
    """A second stage, learned: each part proposes its best ``candidates``, and what is known of each ranks the union.

    That is the parts' standard scores, facts of the items (see ``Facts``), and how long the history is: shorter than
    the first of ``lengths`` (events), from the first on, from the second on, and so on. A conditional logit and
    boosted trees count by what each is worth on a slice of the log that it has not learned from. They learn from the
    newest ``share`` of the log; where that asks few queries from up to four such slices, and on any other small log
    with times from four of half that size, because one moment is learned by heart. The parts are fitted without a
    slice, asked about it, and fitted again on everything. So no part has seen what the second stage learns from, and a
    holdout serves the parts' open fields alone.
    """

    parts: tuple[Part, ...] = Field(min_length=1)
    lengths: tuple[PositiveInt, ...] = (1, 20)
    candidates: int = Field(default=200, ge=1)
    share: float = Field(default=0.1, gt=0, lt=1)

    @model_validator(mode="after")
    def _ascending(self) -> "Ranker":
        if list(self.lengths) != sorted(set(self.lengths)):
            raise ValueError("lengths must ascend")
        return self

    def fit(self, data: Dataset, ctx: FitContext) -> RankerModel:
        """Fit the parts twice, without the newest slice to learn from it, then with it."""
        parts = tuple(ctx.fit(part, data) for part in self.parts)
        recipe = self.model_copy(update={"parts": tuple(part.recipe for part in parts)})
        table = _lessons(recipe, data, ctx)
        model = _untaught(recipe, parts, data)
        if table is None:
            return model
        judge = Judge.learned(table, len(self.lengths) + 1, ctx.seed)
        return RankerModel(recipe, parts, model.reference, model.facts, judge)

    @classmethod
    def load(cls, folder: Path) -> Model:
        recipe = load_recipe(folder)
        if not isinstance(recipe, Ranker):
            raise BundleError(f"{folder} holds a {recipe.name}, not a ranker; publish the bundle again.")
        (reference,) = load_arrays(folder, "reference")
        parts = load_parts(len(recipe.parts), folder)
        return RankerModel(recipe, parts, reference, Facts.load(folder), Judge.load(folder))


def _untaught(recipe: Ranker, parts: tuple[Model, ...], data: Dataset, span: float | None = None) -> RankerModel:
    facts = Facts.of(data, span)
    even = Judge.even(len(parts), len(parts) + len(facts.features), len(recipe.lengths) + 1)
    return RankerModel(recipe, parts, reference_items(data), facts, even)


def _lessons(recipe: Ranker, data: Dataset, ctx: FitContext) -> Table | None:
    """What the newest slices of a log teach, each asked of parts that know what came before it; None where nothing.

    One after the other, until there are enough queries or the log is used up.
    """
    span, past, tables = span_of(data), data, list[Table]()
    share, enough = _slicing(recipe, data, ctx.seed)
    while len(tables) < _SLICES and sum(map(len, tables)) < enough:
        slices = newest(past, share, ctx.seed)
        if slices is None:
            break
        past, asked = slices
        unaware = replace(ctx, holdout=None, report=lambda step, metrics: None, _fitted={})
        try:
            parts = tuple(unaware.fit(part, past) for part in recipe.parts)
        except FitError:
            break  # too little is left
        several = share < recipe.share
        table = _taught(_untaught(recipe, parts, past, span), sample(asked, _ASKED) if several else sample(asked))
        if table is None or (tables and table.x.shape[1] != tables[0].x.shape[1]):
            break  # an old slice may have no profiles
        tables.append(table)
    return together(tables) if tables else None


def _slicing(recipe: Ranker, data: Dataset, seed: int) -> tuple[float, float]:
    """The size of a slice, and how many queries are enough."""
    first = newest(data, recipe.share, seed)
    timed = bool(np.isfinite(data.time).any())
    if first is None or len(first[1]) < _ENOUGH or not timed or data.n_events > _SMALL:
        return recipe.share, _ENOUGH
    return recipe.share / 2, np.inf


def _taught(model: RankerModel, asked: Holdout) -> Table | None:
    """What is known of the candidates of some queries, and which were wanted; None where none was."""
    n_items = len(model.facts.items)
    with threadpool_limits(1, "blas"):  # one query at a time is too little for more threads
        found = proposed(model.parts, asked.queries, _TAUGHT, np.ones(n_items, np.bool_), asked.exclude)
        features = [model.table(query, items)[0] for query, items in zip(asked.queries, found, strict=True)]
    bucket = np.array([model.bucket(query) for query in asked.queries], np.int32)
    return table_of(features, found, asked.truth, bucket)
