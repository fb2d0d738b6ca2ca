"""A small dense space in which items with like content lie close, so that a new item finds its neighbours."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.content.svd import right_vectors
from recsys.content.vocabulary import Vocabulary
from recsys.dataset.catalogue import Catalogue
from recsys.errors import BundleError
from recsys.types import BoolArray, FloatArray, IntArray

_BASIS_FILE = "basis.npy"
_VECTORS_FILE = "vectors.npy"
_SMALL = 1_000  # items: below this a token of one item is worth keeping, an exact copy of it may come
_BLOCK = 1 << 22  # cosines held at once
_NEAR = 1e-3  # a cosine distance below this is a copy


@dataclass(frozen=True, eq=False)
class ContentSpace:
    """Idf-weighted content, cut to its main directions (latent semantic analysis, Deerwester et al. 1990)."""

    vocabulary: Vocabulary
    basis: FloatArray  # (features, d)
    vectors: FloatArray  # (items, d) unit rows of the catalogue it was fitted on, zero where there is no content

    @classmethod
    def fit(cls, catalogue: Catalogue, dims: int = 64, seed: int = 0) -> "ContentSpace | None":
        """The space of a catalogue, None where no item has any content. The same seed gives the same space."""
        vocabulary = Vocabulary.fit(catalogue, min_items=2 if len(catalogue) >= _SMALL else 1)
        if len(vocabulary) == 0:
            vocabulary = Vocabulary.fit(catalogue, min_items=1)
        if len(vocabulary) == 0:
            return None
        rows = vocabulary.transform(catalogue)
        basis = right_vectors(rows, dims, np.random.default_rng(seed))
        return cls(vocabulary, basis, _project(rows, basis))

    def encode(self, catalogue: Catalogue) -> FloatArray:
        """(n, d) unit vectors of any items, known or new; a zero row where nothing of an item is in the vocabulary."""
        return _project(self.vocabulary.transform(catalogue), self.basis)

    def neighbours(
        self, vectors: FloatArray, k: int = 20, *, among: BoolArray | None = None
    ) -> tuple[IntArray, FloatArray]:
        """The nearest items of each vector (n, d): indices (n, k), nearest first, and weights (n, k) that sum to 1.

        ``among`` (items,) limits who may be a neighbour. Weights fall with the fourth power of the distance
        (Shepard 1968), so that the original of an exact copy has nearly all of it. Weight 0 and index 0 where there
        is none: a row of zeros has no neighbours.
        """
        found = np.zeros((len(vectors), k), np.int32)
        weights = np.zeros((len(vectors), k), np.float32)
        ids = np.arange(len(self.vectors)) if among is None else np.flatnonzero(among)
        pool = self.vectors if among is None else self.vectors[ids]  # (pool, d)
        width = min(k, len(ids))
        step = max(1, _BLOCK // max(1, len(ids)))
        for start in range(0, len(vectors) if width else 0, step):
            cosine = vectors[start : start + step] @ pool.T  # (block, pool)
            at, cosine = _nearest(cosine, width)
            weight = _weights(cosine)
            found[start : start + step, :width] = np.where(weight > 0, ids[at], 0)
            weights[start : start + step, :width] = weight
        return found, weights

    def save(self, folder: Path) -> None:
        """Write vocabulary, basis and vectors into an existing empty folder."""
        self.vocabulary.save(folder)
        np.save(folder / _BASIS_FILE, self.basis, allow_pickle=False)
        np.save(folder / _VECTORS_FILE, self.vectors, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> "ContentSpace":
        """Map what ``save`` wrote; raises BundleError where it is incomplete."""
        vocabulary = Vocabulary.load(folder)
        try:
            basis = np.load(folder / _BASIS_FILE, mmap_mode="r", allow_pickle=False)
            vectors = np.load(folder / _VECTORS_FILE, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BundleError(f"{folder} holds no readable content space: {error}; publish it again.") from None
        if len(basis) != len(vocabulary):
            raise BundleError(f"{folder} has a basis of {len(basis)} rows for {len(vocabulary)} tokens; publish again.")
        return cls(vocabulary, basis, vectors)


def _project(rows: sp.csr_matrix, basis: FloatArray) -> FloatArray:
    """(n, d) unit rows; what lies across the space is noise and becomes zero."""
    dense = np.asarray(rows @ basis, np.float32)
    norm = np.linalg.norm(dense, axis=1, keepdims=True)
    unit: FloatArray = np.where(norm > 1e-4, dense / np.maximum(norm, 1e-4), 0).astype(np.float32)
    return unit


def _nearest(cosine: FloatArray, width: int) -> tuple[NDArray[np.int64], FloatArray]:
    """Columns of the ``width`` largest of each row, largest first, ties by the lower column; and their values."""
    if width < cosine.shape[1]:
        at = np.sort(np.argpartition(-cosine, width - 1, axis=1)[:, :width], axis=1)
    else:
        at = np.broadcast_to(np.arange(cosine.shape[1]), cosine.shape)
    value = np.take_along_axis(cosine, at, axis=1)
    order = np.argsort(-value, axis=1, kind="stable")
    return np.take_along_axis(at, order, axis=1), np.take_along_axis(value, order, axis=1)


def _weights(cosine: FloatArray) -> FloatArray:
    """(n, k) non-negative weights that sum to 1, or all 0 where nothing is near."""
    raw = np.maximum(cosine, 0).astype(np.float64) ** 4 / (np.maximum(1 - cosine, 0) + _NEAR) ** 2
    total = raw.sum(axis=1, keepdims=True)
    share: FloatArray = np.divide(raw, total, out=np.zeros_like(raw), where=total > 0).astype(np.float32)
    return share
