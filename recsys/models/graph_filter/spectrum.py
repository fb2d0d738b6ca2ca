"""The largest singular values of a sparse matrix and their right vectors, by blocks."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.types import FloatArray

_MORE = 32  # vectors beyond those asked for, so that the last of those converge
_ROUNDS = 3  # passes of the subspace iteration
_TINY = 1e-7  # of the largest eigenvalue: what float32 cannot tell from nothing


def top_vectors_of(
    matrix: sp.csr_matrix, count: int, rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Up to ``count`` right singular vectors (columns, found) and squared singular values (found,), largest first.

    Randomised subspace iteration (Halko, Martinsson and Tropp 2011). Fewer are found where the rank is lower.
    """
    width = min(count + _MORE, *matrix.shape)
    transposed = matrix.T.tocsr()
    basis = rng.standard_normal((matrix.shape[1], width), np.float32)  # (columns, width)
    for _ in range(_ROUNDS):
        basis = _orthonormal(transposed @ (matrix @ basis))
    basis = _orthonormal(basis)  # the Gram matrix loses half the digits, a second one finds them
    image = matrix @ basis  # (rows, width)
    values, turn = np.linalg.eigh((image.T @ image).astype(np.float64))
    order = np.argsort(-values, kind="stable")[:count]
    order = order[values[order] > _TINY * max(values.max(initial=0.0), 1e-30)]
    return basis @ turn[:, order].astype(np.float32), values[order]


def _orthonormal(block: FloatArray) -> FloatArray:
    """A nearly orthonormal basis of the columns of ``block``, without those that depend on others."""
    values, turn = np.linalg.eigh((block.T @ block).astype(np.float64))
    kept = values > _TINY * max(values.max(initial=0.0), 1e-30)
    basis: FloatArray = block @ (turn[:, kept] / np.sqrt(values[kept])).astype(np.float32)
    return basis
