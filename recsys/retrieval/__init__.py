"""Exact top-k over scores and over vectors, under a mask."""

from recsys.retrieval.exact import dot_scores, top_k, top_vectors

__all__ = ["dot_scores", "top_k", "top_vectors"]
