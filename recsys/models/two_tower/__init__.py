"""Two towers: a query's history and profile on one side, an item's id and content on the other."""

from recsys.models.two_tower.model import TwoTowerModel
from recsys.models.two_tower.recipe import TwoTower

__all__ = ["TwoTower", "TwoTowerModel"]
