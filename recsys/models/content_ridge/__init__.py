"""What a history says of an item through its content alone, so that an item without an event has a score."""

from recsys.models.content_ridge.model import ContentRidgeModel
from recsys.models.content_ridge.recipe import ContentRidge

__all__ = ["ContentRidge", "ContentRidgeModel"]
