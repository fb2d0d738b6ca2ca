"""The inverse of a regularised Gram matrix, where there is memory for one items x items array and no more."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from recsys.errors import FitError
from recsys.types import FloatArray

_BLOCK = 1024  # rows held besides the one buffer


class Ridge:
    """Gram matrix of (users, items) ``events`` and, after ``solve``, its inverse with a penalty on the diagonal.

    One float32 buffer holds both: the Gram matrix below the diagonal, the inverse on and above it, so that a search
    over ``reg`` computes the Gram matrix once. Besides it there is a block of 1,024 rows.
    """

    def __init__(self, events: sp.csr_matrix) -> None:
        columns = events.tocsc()
        size = events.shape[1]
        self._buffer = np.zeros((size, size), np.float32)
        for start in range(0, size, _BLOCK):
            (columns[:, start : start + _BLOCK].T @ events).toarray(out=self._buffer[start : start + _BLOCK])
        self.energy = np.diagonal(self._buffer).copy()  # (items,) the diagonal of the Gram matrix
        self._open = True  # whether the Gram matrix is still there

    def solve(self, penalty: FloatArray) -> None:
        """Invert the Gram matrix plus ``penalty`` (items,) on its diagonal; FitError where float32 cannot."""
        if not self._open:
            raise TypeError("The buffer was given away; make another Ridge.")
        buffer = self._buffer
        if len(buffer) == 0:
            return
        mirror(buffer.T)
        np.fill_diagonal(buffer, self.energy + penalty)
        # LAPACK reads columns first: its lower triangle is the upper one here
        _, failed = lapack.spotrf(buffer.T, lower=1, clean=0, overwrite_a=1)
        if not failed:
            _, failed = lapack.spotri(buffer.T, lower=1, overwrite_c=1)
        if failed:
            raise FitError(f"The Gram matrix of {len(buffer):,} items is singular; raise reg.")

    def diagonal(self) -> FloatArray:
        """(items,) the diagonal of the inverse."""
        return np.diagonal(self._buffer).copy()

    def times(self, rows: FloatArray) -> FloatArray:
        """(rows, items) ``rows`` times the inverse."""
        if rows.size == 0:
            return np.zeros_like(rows)
        product: FloatArray = blas.ssymm(1.0, self._buffer.T, rows.T, lower=1).T
        return product

    def entries(self, row: NDArray[np.integer], column: NDArray[np.integer]) -> FloatArray:
        """Entries of the inverse at aligned places."""
        found: FloatArray = self._buffer[np.minimum(row, column), np.maximum(row, column)]
        return found

    def release(self) -> FloatArray:
        """(items, items) the whole inverse in the buffer itself, in place of the Gram matrix; nothing is copied."""
        mirror(self._buffer)
        self._open = False
        return self._buffer


def mirror(square: FloatArray) -> None:
    """Copy what is above the diagonal to below it, in place."""
    for start in range(0, len(square), _BLOCK):
        stop = start + _BLOCK
        square[stop:, start:stop] = square[start:stop, stop:].T
        corner = square[start:stop, start:stop]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
