"""Plain EASE, the peer that a linear model has to beat: the closed form and nothing else (Steck 2019)."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from recsys.dataset.data import Dataset
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked


class PlainEase:
    """Item weights B = I - P / diag(P), P the inverse of the regularised Gram matrix of a binary matrix."""

    def __init__(self, data: Dataset, reg: float) -> None:
        events = data.matrix()
        events.data[:] = 1.0
        gram = (events.T @ events).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += reg
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)  # column j is divided by P_jj
        np.fill_diagonal(weights, 0.0)
        self.weights: FloatArray = weights.astype(np.float32)  # (items, items)

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best ``n`` items of each history."""
        indptr = np.concatenate([[0], np.cumsum([len(query) for query in queries])])
        items = np.concatenate([query.items for query in queries])
        shape = (len(queries), len(self.weights))
        histories = sp.csr_matrix((np.ones(len(items), np.float32), items, indptr), shape=shape)
        return top_k(np.asarray(histories @ self.weights), n, allowed, exclude, "EASE")
