"""The main directions of a sparse matrix, the same for the same seed."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.types import FloatArray

_DENSE = 1 << 21  # entries: below this an exact decomposition is faster than a sketch
_OVERSAMPLE = 16
_ROUNDS = 5


def right_vectors(rows: sp.csr_matrix, dims: int, rng: np.random.Generator) -> FloatArray:
    """(columns, d) right singular vectors of ``rows``, largest first, ``d <= dims``; null directions are left out.

    Exact for small matrices, else a randomised subspace iteration (Halko, Martinsson and Tropp 2011). The largest
    entry of each vector is positive, because a decomposition leaves the sign open.
    """
    if rows.shape[0] * rows.shape[1] <= _DENSE:
        _, value, right = np.linalg.svd(rows.toarray().astype(np.float64), full_matrices=False)
    else:
        value, right = _sketch(rows, dims, rng)
    keep = value[:dims] > 1e-6 * value[0]
    vectors = right[:dims][keep].T  # (columns, d)
    largest = np.abs(vectors).argmax(axis=0)
    sign = np.sign(vectors[largest, np.arange(vectors.shape[1])])
    fixed: FloatArray = np.ascontiguousarray(vectors * sign, np.float32)
    return fixed


def _sketch(
    rows: sp.csr_matrix, dims: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Singular values and right vectors (values, columns) of a little more than ``dims`` directions."""
    width = min(dims + _OVERSAMPLE, *rows.shape)
    span = np.linalg.qr(rows @ rng.standard_normal((rows.shape[1], width)))[0]
    for _ in range(_ROUNDS):
        span = np.linalg.qr(rows @ (rows.T @ span))[0]  # on the side of the items, which are fewer than the columns
    _, value, right = np.linalg.svd((rows.T @ span).T, full_matrices=False)
    return value, right
