"""Exact top-k over scores and over vectors, under a mask."""

from recsys.retrieval.codes import Codes
from recsys.retrieval.exact import Vectors, dot_scores, top_k
from recsys.retrieval.lead import Lead

__all__ = ["Codes", "Lead", "Vectors", "dot_scores", "top_k"]
