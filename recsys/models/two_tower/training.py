"""From a recipe and data to a model: what the recipe leaves open is chosen on the holdout."""

from collections.abc import Mapping
from dataclasses import replace

import torch

from recsys.content import Vocabulary
from recsys.dataset.data import Dataset
from recsys.models.recipe import FitContext
from recsys.models.two_tower import towers
from recsys.models.two_tower.model import TwoTowerModel
from recsys.models.two_tower.profiles import ProfileTokens
from recsys.models.two_tower.recipe import DEFAULT_EPOCHS, DEFAULT_IN_ORDER, IN_ORDER, MAX_EPOCHS, TwoTower
from recsys.models.two_tower.trainee import Ingredients, TowersTrainee
from recsys.nn.fit import State, fit


def train(recipe: TwoTower, data: Dataset, ctx: FitContext) -> TwoTowerModel:
    """The fitted model; its recipe says what was chosen."""
    content = Vocabulary.fit(data.catalogue).transform(data.catalogue)
    given = Ingredients(data, content, ProfileTokens.fit(data.profiles.values()))
    asked = ctx.holdout is not None and len(ctx.holdout) > 0
    shares = (recipe.in_order,) if recipe.in_order is not None else IN_ORDER if asked else (DEFAULT_IN_ORDER,)
    tries: list[tuple[State, TwoTowerModel]] = []
    for share in shares:
        done = sum(state.epoch for state, _ in tries)
        tries.append(_fit(recipe.model_copy(update={"in_order": share}), given, _counting_on(done, ctx)))
    return max(tries, key=lambda tried: tried[0].best)[1]  # the first of equals


def _fit(recipe: TwoTower, given: Ingredients, ctx: FitContext) -> tuple[State, TwoTowerModel]:
    asked = ctx.holdout is not None and len(ctx.holdout) > 0
    open_ended = recipe.epochs is None and asked
    trainee = TowersTrainee(given, recipe, ctx)
    most = MAX_EPOCHS if open_ended else recipe.epochs or DEFAULT_EPOCHS
    state = fit(trainee, most, recipe.patience if open_ended else None, ctx.report)
    return state, exported(recipe.model_copy(update={"epochs": state.best_epoch}), trainee)


def _counting_on(done: int, ctx: FitContext) -> FitContext:
    """The same surroundings, epochs counted on from those of an earlier try."""

    def report(step: int, metrics: Mapping[str, float]) -> None:
        ctx.report(done + step, metrics)

    return replace(ctx, report=report)


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
