"""A small dense space in which items with like content lie close, so that a new item finds its neighbours."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.content.given import Given
from recsys.content.sources import Source, fit_sources, load_source
from recsys.content.spec import ContentSpec
from recsys.content.svd import right_vectors
from recsys.content.vocabulary import Vocabulary
from recsys.content.years import FINE_YEARS
from recsys.dataset.catalogue import Catalogue
from recsys.errors import BundleError
from recsys.types import BoolArray, FloatArray, IntArray

_BASIS_FILE = "basis.npy"
_VECTORS_FILE = "vectors.npy"
_SIDES_FILE = "sides.json"
_NUMERIC = ("year",)  # its closeness is a side of its own; a decade as a token would part 1999 from 2000
DEFAULT = ContentSpec()
_SMALL = 1_000  # items: below this a token of one item is worth keeping, an exact copy of it may come
_BLOCK = 1 << 22  # cosines held at once
_NEAR = 1e-3  # a cosine distance below this is a copy


@dataclass(frozen=True, eq=False)
class _Side:
    """A source with its main directions."""

    source: Source
    basis: FloatArray  # (columns, d)

    def project(self, catalogue: Catalogue) -> FloatArray:
        """(items, d) rows of length ``share``, or zero."""
        return _project(self.source.rows(catalogue), self.basis) * np.float32(self.source.share)


@dataclass(frozen=True, eq=False)
class ContentSpace:
    """Tokens by idf, text, years and given vectors, each cut to its main directions (Deerwester et al. 1990).

    An item's vector is all of them side by side, so that its cosine with another is a weighted mean of theirs.
    """

    vocabulary: Vocabulary
    basis: FloatArray  # (features, d) of the tokens
    sides: tuple[_Side, ...]
    vectors: FloatArray  # (items, d) unit rows of the catalogue it was fitted on, zero where there is no content

    @classmethod
    def fit(cls, catalogue: Catalogue, spec: ContentSpec = DEFAULT, *, seed: int = 0) -> "ContentSpace | None":
        """The space of a catalogue, None where no item has any content. The same seed gives the same space."""
        vocabulary = Vocabulary.fit(catalogue, min_items=2 if len(catalogue) >= _SMALL else 1, without=_NUMERIC)
        if len(vocabulary) == 0:
            vocabulary = Vocabulary.fit(catalogue, min_items=1, without=_NUMERIC)
        sources = fit_sources(catalogue, spec)
        if len(vocabulary) == 0 and not sources:
            return None
        rows = [source.rows(catalogue) for source in sources]
        basis = _basis(vocabulary.transform(catalogue), spec.dims, seed)
        sides = tuple(
            _Side(source, _basis(own, spec.dims, seed)) for source, own in zip(sources, rows, strict=True) if own.nnz
        )
        empty = cls(vocabulary, basis, sides, np.zeros((0, 0), np.float32))
        return replace(empty, vectors=empty.encode(catalogue))

    def encode(self, catalogue: Catalogue) -> FloatArray:
        """(n, d) unit vectors of any items, known or new; a zero row where nothing of an item is known here.

        A given vector of another length than those of the space says nothing; ``check`` names it.
        """
        tokens = _project(self.vocabulary.transform(catalogue), self.basis)
        parts = [tokens, *(side.project(catalogue) for side in self.sides)]
        return _unit(np.concatenate(parts, axis=1))

    def check(self, catalogue: Catalogue) -> None:
        """DataError names an item whose given vector cannot be read here."""
        for side in self.sides:
            if isinstance(side.source, Given):
                side.source.check(catalogue)

    def features(self, catalogue: Catalogue) -> sp.csr_matrix:
        """(n, features) what a linear model may learn from: every token by itself, and the other sides as they are."""
        parts = [self.vocabulary.transform(catalogue), *(sp.csr_matrix(s.project(catalogue)) for s in self.sides)]
        return sp.hstack(parts, "csr", np.float32)

    def faces(self, catalogue: Catalogue) -> Mapping[str, sp.csr_matrix]:
        """By field of tokens, kind of source and name of vector: (n, columns) unit rows, zero where nothing is known.

        The text is not cut to its main directions here, and years are there twice, the second time told apart finely.
        """
        found = dict(self.vocabulary.by_field(catalogue))
        found |= {
            str(side.source.facts().get("name", side.source.facts()["kind"])): side.source.rows(catalogue)
            for side in self.sides
        }
        if "years" in found:
            found["fine_years"] = FINE_YEARS.rows(catalogue)
        return found

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
        """Write everything into an existing empty folder."""
        self.vocabulary.save(folder)
        np.save(folder / _BASIS_FILE, self.basis, allow_pickle=False)
        np.save(folder / _VECTORS_FILE, self.vectors, allow_pickle=False)
        facts = [side.source.facts() for side in self.sides]
        (folder / _SIDES_FILE).write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        for at, side in enumerate(self.sides):
            side.source.save(folder)
            np.save(folder / f"basis{at}.npy", side.basis, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> "ContentSpace":
        """Map what ``save`` wrote; BundleError where it is incomplete, ConfigError where an encoder is missing."""
        vocabulary = Vocabulary.load(folder)
        try:
            basis, vectors = (_mapped(folder / name) for name in (_BASIS_FILE, _VECTORS_FILE))
            facts = json.loads((folder / _SIDES_FILE).read_text(encoding="utf-8"))
            bases = [_mapped(folder / f"basis{at}.npy") for at in range(len(facts))]
        except (OSError, ValueError, EOFError) as error:
            raise BundleError(f"{folder} holds no readable content space: {error}; publish it again.") from None
        if len(basis) != len(vocabulary):
            raise BundleError(f"{folder} has a basis of {len(basis)} rows for {len(vocabulary)} tokens; publish again.")
        sides = tuple(_Side(load_source(told, folder), own) for told, own in zip(facts, bases, strict=True))
        return cls(vocabulary, basis, sides, vectors)


def _mapped(path: Path) -> FloatArray:
    found: FloatArray = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def _basis(rows: sp.csr_matrix, dims: int, seed: int) -> FloatArray:
    if rows.nnz == 0:
        return np.zeros((rows.shape[1], 0), np.float32)
    return right_vectors(rows, dims, np.random.default_rng(seed))


def _project(rows: sp.csr_matrix, basis: FloatArray) -> FloatArray:
    """(n, d) unit rows; what lies across the space is noise and becomes zero."""
    return _unit(np.asarray(rows @ basis, np.float32))


def _unit(dense: FloatArray) -> FloatArray:
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
