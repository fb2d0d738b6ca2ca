"""From a recipe and data to a model: what the recipe leaves open is chosen on the holdout."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import torch

from recsys.content import Vocabulary
from recsys.dataset.data import Dataset
from recsys.models.recipe import FitContext
from recsys.models.two_tower import towers
from recsys.models.two_tower.model import TwoTowerModel
from recsys.models.two_tower.profiles import ProfileTokens
from recsys.models.two_tower.recipe import DEFAULT_EPOCHS, DEFAULT_IN_ORDER, IN_ORDER, MAX_EPOCHS, TwoTower
from recsys.models.two_tower.trainee import Ingredients, TowersTrainee
from recsys.nn.fit import Report, State, fit

SCOUT_EPOCHS = 10  # after which only the better share goes on


def train(recipe: TwoTower, data: Dataset, ctx: FitContext) -> TwoTowerModel:
    """The fitted model; its recipe says what was chosen."""
    content = Vocabulary.fit(data.catalogue).transform(data.catalogue)
    given = Ingredients(data, content, ProfileTokens.fit(data.profiles.values()))
    asked = ctx.holdout is not None and len(ctx.holdout) > 0
    shares = (recipe.in_order,) if recipe.in_order is not None else IN_ORDER if asked else (DEFAULT_IN_ORDER,)
    step = count(1)  # epochs are counted on over all tries, so that a curve has one point a step
    ctx = replace(ctx, report=_counting(step, ctx.report))
    tries = [_Try(recipe.model_copy(update={"in_order": share}), given, ctx) for share in shares]
    if len(tries) > 1:
        for tried in tries:
            tried.run(SCOUT_EPOCHS)
    best = max(tries, key=lambda tried: tried.state.best)  # the first of equals
    best.run(None)
    return exported(best.recipe.model_copy(update={"epochs": best.state.best_epoch}), best.trainee)


def _counting(step: Iterator[int], report: Report) -> Report:
    return lambda _, metrics: report(next(step), metrics)


class _Try:
    """One share of examples in order, fitted as far as it deserves."""

    def __init__(self, recipe: TwoTower, given: Ingredients, ctx: FitContext) -> None:
        asked = ctx.holdout is not None and len(ctx.holdout) > 0
        open_ended = recipe.epochs is None and asked
        self.recipe = recipe
        self.trainee = TowersTrainee(given, recipe, ctx)
        self.state = State()
        self._ctx = ctx
        self._most = MAX_EPOCHS if open_ended else recipe.epochs or DEFAULT_EPOCHS
        self._patience = recipe.patience if open_ended else None

    def run(self, epochs: int | None) -> None:
        """Go on to ``epochs``, or to the end."""
        most = self._most if epochs is None else min(epochs, self._most)
        self.state = fit(self.trainee, most, self._patience, self._ctx.report, self.state, late=lambda: self._ctx.late)


def exported(recipe: TwoTower, trainee: TowersTrainee) -> TwoTowerModel:
    """The model that a finished trainee amounts to: content summed in, temperature divided out."""
    tables = trainee.weights()
    items = towers.items(tables, trainee.content)
    parts = {
        "items": items.vectors / recipe.temperature,
        "bias": items.bias,
        "inputs": items.inputs,
        "token_vectors": tables["token"],
        "place_weight": torch.exp(tables["recency"][trainee.steps, 0]),
        "known": ~trainee.abstains,
    }
    return TwoTowerModel(recipe, trainee.tokens, **{name: part.cpu().numpy() for name, part in parts.items()})
