"""Implicit ALS with a weight on what was not observed and regularisation by frequency, in batched products."""

from recsys.models.ials.model import IALSModel
from recsys.models.ials.recipe import IALS

__all__ = ["IALS", "IALSModel"]
