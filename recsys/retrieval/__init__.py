"""Exact top-k over scores and over vectors, under a mask."""

from recsys.retrieval.codes import Codes
from recsys.retrieval.exact import Vectors, dot_scores, top_k

__all__ = ["Codes", "Vectors", "dot_scores", "top_k"]
