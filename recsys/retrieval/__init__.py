"""Exact top-k over scores and over vectors, under a mask."""

from recsys.retrieval.exact import dot_scores, top_k, top_vectors
from recsys.retrieval.vectors import ItemVectors

__all__ = ["ItemVectors", "dot_scores", "top_k", "top_vectors"]
