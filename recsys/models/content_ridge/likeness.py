"""How like two items are by their content: each field by itself, what is shared at once counted once more."""

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sp

from recsys.types import FloatArray

_BLOCK = 1_024  # rows held twice
_FULL = 0.25  # a column with more entries than this share of the rows is multiplied as a dense one


def described(faces: Mapping[str, sp.csr_matrix], shares: Mapping[str, float]) -> sp.csr_matrix:
    """(items, features) unit rows in which each face has its share; zero rows where no face with a share is known."""
    parts = [rows * np.float32(np.sqrt(shares.get(name, 0.0))) for name, rows in faces.items() if shares.get(name)]
    if not parts:
        return sp.csr_matrix((next(iter(faces.values())).shape[0], 0), dtype=np.float32)
    rows = sp.hstack(parts, "csr", np.float32)
    norm = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags((1 / np.where(norm > 0, norm, 1)).astype(np.float32)) @ rows)


def likeness(left: sp.csr_matrix, right: sp.csr_matrix, pairs: float) -> FloatArray:
    """(left, right) the cosine of unit rows, and its square by ``pairs``; 1 for equal content.

    The square is the cosine of all products of two features: a genre in a year, a word beside an author.
    """
    full = np.diff(right.tocsc().indptr) > _FULL * right.shape[0]
    dense, rest = np.ascontiguousarray(right[:, full].toarray().T), right[:, ~full].T.tocsr()
    found = np.empty((left.shape[0], right.shape[0]), np.float32)
    for start in range(0, len(found), _BLOCK):
        part = slice(start, start + _BLOCK)
        np.matmul(left[part][:, full].toarray(), dense, out=found[part])
        found[part] += (left[part][:, ~full] @ rest).toarray()
        found[part] += np.float32(pairs) * found[part] ** 2
    found /= np.float32(1 + pairs)
    return found
