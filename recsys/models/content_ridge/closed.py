"""The two closed forms: items by what was had together, and those weights by what the items are about."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from recsys.dataset.data import Dataset
from recsys.errors import FitError
from recsys.models.als import noise_edge
from recsys.models.content_ridge.likeness import likeness
from recsys.models.content_ridge.model import Taste
from recsys.models.ease import check_memory
from recsys.models.ridge import Ridge
from recsys.types import BoolArray, FloatArray

if TYPE_CHECKING:
    from recsys.models.content_ridge.recipe import ContentRidge

_SHARE = 20.0  # reg as a multiple of the noise edge
_BLOCK = 1_024  # items that are explained at once


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
    """What each known item says of each item of ``rows`` (items, features) by its content; items in blocks."""
    own, pairs = rows[np.flatnonzero(known)], recipe.pairs or 0.0
    factor = _factor(likeness(own, own, pairs), recipe.content_reg or 1.0)
    scale = (relations.count ** -np.float32(recipe.popularity or 0.0))[:, None]
    matrix = np.empty((own.shape[0], rows.shape[0]), np.float32)  # (known, items)
    for start in range(0, rows.shape[0], _BLOCK):
        part = slice(start, start + _BLOCK)
        solved = scale * cho_solve(factor, likeness(own, rows[part], pairs), overwrite_b=True, check_finite=False)
        np.matmul(relations.weights, solved, out=matrix[:, part])
        matrix[:, part] += np.float32(recipe.own or 0.0) * solved
    return Taste(matrix, (np.float32(recipe.everyone or 0.0) * (relations.mean @ matrix)).astype(np.float32))


def _factor(square: FloatArray, penalty: float) -> tuple[FloatArray, bool]:
    """The Cholesky factor of ``square`` with ``penalty`` on its diagonal, in the same memory."""
    square[np.diag_indices_from(square)] += np.float32(penalty)
    try:
        factor: tuple[FloatArray, bool] = cho_factor(square.T, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        raise FitError("The content of the items is degenerate in float32; raise content_reg.") from None
    return factor
