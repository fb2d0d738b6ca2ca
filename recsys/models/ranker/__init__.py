"""A learned second stage over what other models propose."""

from recsys.models.ranker.model import RankerModel
from recsys.models.ranker.recipe import Ranker

__all__ = ["Ranker", "RankerModel"]
