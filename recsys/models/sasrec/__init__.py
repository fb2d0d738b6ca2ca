"""Self-attention over a history: what comes next, given the order and the pace of what came before."""

from recsys.models.sasrec.model import SASRecModel
from recsys.models.sasrec.recipe import SASRec

__all__ = ["SASRec", "SASRecModel"]
