"""Ratings of boards all over the world as one minimum age for a territory."""

from recsys.safety.ratings.systems import Foreign, Rating, Systems, systems

__all__ = ["Foreign", "Rating", "Systems", "systems"]
