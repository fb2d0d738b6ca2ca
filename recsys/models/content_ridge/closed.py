"""The two closed forms: items by what was had together, and those weights by what the items are about."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

from recsys.dataset.data import Dataset
from recsys.errors import FitError
from recsys.models.als import noise_edge
from recsys.models.content_ridge.likeness import likeness
from recsys.models.content_ridge.model import Taste
from recsys.models.ease import check_memory
from recsys.models.ridge import Ridge, mirror
from recsys.types import BoolArray, FloatArray

if TYPE_CHECKING:
    from recsys.models.content_ridge.recipe import ContentRidge

_SHARE = 20.0  # reg as a multiple of the noise edge
_BLOCK = 1_024  # rows that are multiplied at once


@dataclass(frozen=True, eq=False)
class Relations:
    """How much each known item in a history speaks for each other one."""

    events: sp.csr_matrix  # (users, known) 1 where liked
    weights: FloatArray  # (known, known) diagonal 0
    count: FloatArray  # (known,) users of each item
    reg: float

    @classmethod
    def of(cls, data: Dataset, known: BoolArray, reg: float | None, memory_gb: float) -> "Relations":
        """EASE without weights or order; FitError where its array exceeds ``memory_gb``."""
        check_memory(int(known.sum()), memory_gb)
        events = data.matrix()[:, np.flatnonzero(known)]
        events.data[:] = 1.0
        reg = reg or _SHARE * noise_edge(events)
        ridge = Ridge(events)
        ridge.solve(np.full(events.shape[1], reg, np.float32))
        diagonal = ridge.diagonal()
        matrix = ridge.release()
        matrix /= -diagonal
        np.fill_diagonal(matrix, 0.0)
        return cls(events, matrix, np.asarray(events.sum(axis=0), np.float32).ravel(), reg)

    @property
    def mean(self) -> FloatArray:
        """(known,) the mean history."""
        share: FloatArray = self.count / np.float32(max(1, self.events.shape[0]))
        return share


def taste(recipe: "ContentRidge", relations: Relations, rows: sp.csr_matrix, known: BoolArray) -> Taste:
    """What each known item says of each item of ``rows`` (items, features) by its content.

    The weights times (likeness + penalty)⁻¹ times the likeness to all items: for known ones this is the weights less
    ``penalty`` times the first product, so that only the others are multiplied.
    """
    penalty, others, pairs = recipe.content_reg or 1.0, np.flatnonzero(~known), recipe.pairs or 0.0
    own = rows[np.flatnonzero(known)]
    inverse = inverted(likeness(own, own, pairs), penalty)
    to_others = likeness(own, rows[others], pairs)  # (known, others)
    scale = relations.count ** -np.float32(recipe.popularity or 0.0)
    matrix = np.empty((len(inverse), rows.shape[0]), np.float32)  # (known, items)
    for start in range(0, len(inverse), _BLOCK):
        part = slice(start, start + _BLOCK)
        weights = np.array(relations.weights[part])
        weights[np.arange(len(weights)), start + np.arange(len(weights))] += np.float32(recipe.own or 0.0)
        weights *= scale
        product = weights @ inverse
        matrix[part, others] = product @ to_others
        matrix[part, known] = weights - np.float32(penalty) * product
    return Taste(matrix, (np.float32(recipe.everyone or 0.0) * (relations.mean @ matrix)).astype(np.float32))


def inverted(square: FloatArray, penalty: float) -> FloatArray:
    """The inverse of ``square`` with ``penalty`` on its diagonal, in the same memory; FitError where float32 cannot."""
    square[np.diag_indices_from(square)] += np.float32(penalty)
    # LAPACK reads columns first: its lower triangle is the upper one here
    _, failed = lapack.spotrf(square.T, lower=1, clean=0, overwrite_a=1)
    if not failed:
        _, failed = lapack.spotri(square.T, lower=1, overwrite_c=1)
    if failed:
        raise FitError("The content of the items is degenerate in float32; raise content_reg.")
    mirror(square)
    return square
