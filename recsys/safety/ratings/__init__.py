"""Ratings of boards all over the world as one minimum age for a territory."""

from recsys.safety.ratings.systems import Foreign, Systems, systems

__all__ = ["Foreign", "Systems", "systems"]
