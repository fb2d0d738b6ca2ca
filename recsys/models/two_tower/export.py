"""From tables fitted in torch to the arrays that serving maps."""

import torch

from recsys.models.two_tower import towers
from recsys.models.two_tower.model import TwoTowerModel
from recsys.models.two_tower.recipe import TwoTower
from recsys.models.two_tower.trainee import TowersTrainee


def exported(recipe: TwoTower, trainee: TowersTrainee) -> TwoTowerModel:
    """The model that a finished trainee amounts to: content summed in, temperature divided out."""
    tables = trainee.weights()
    vectors, bias = towers.item_outputs(tables, trainee.content)
    place_weight = torch.exp(tables["recency"][trainee.steps, 0])
    parts = {
        "items": vectors / recipe.temperature,
        "bias": bias,
        "inputs": towers.item_inputs(tables, trainee.content),
        "token_vectors": tables["token"],
        "place_weight": place_weight,
        "known": ~trainee.abstains,
    }
    arrays = {name: part.cpu().numpy() for name, part in parts.items()}
    return TwoTowerModel(recipe, trainee.tokens, **arrays)
