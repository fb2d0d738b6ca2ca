"""The two closed forms: items by what was had together, and those weights by what the items are about."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from recsys.dataset.data import Dataset
from recsys.errors import FitError
from recsys.models.als import noise_edge
from recsys.models.content_ridge.model import Taste
from recsys.models.ease import check_memory
from recsys.models.ridge import Ridge
from recsys.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from recsys.models.content_ridge.recipe import ContentRidge

_SHARE = 20.0  # reg as a multiple of the noise edge


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

    def among(self, kept: IntArray) -> "Relations":
        """The relations of some known items with each other."""
        return Relations(self.events[:, kept], self.weights[np.ix_(kept, kept)], self.count[kept], self.reg)


def taste(recipe: "ContentRidge", relations: Relations, features: sp.csr_matrix) -> Taste:
    """What each known item says of features (known, features): the ridge solution in its smaller form."""
    scale = relations.count ** -np.float32(recipe.popularity)
    through = features.shape[1] > features.shape[0]
    penalty = recipe.content_reg or 1.0
    if through:
        solved = _solved(features @ features.T, penalty, np.diag(scale)).T
    else:
        solved = _solved(features.T @ features, penalty, (sp.diags(scale) @ features).T.toarray()).T
    # rows of (weights + own) * scale times the solution, the diagonal apart to spare a copy of the weights
    own = np.float32(recipe.own or 0.0)
    matrix = np.ascontiguousarray(relations.weights @ solved + own * solved, np.float32)
    mean = relations.count / max(1, relations.events.shape[0])  # (known,) the mean history
    return Taste(matrix, ((recipe.everyone or 0.0) * (mean @ matrix)).astype(np.float32), through)


def _solved(square: sp.csr_matrix, penalty: float, right: FloatArray) -> FloatArray:
    """(square + penalty)⁻¹ right."""
    dense = np.ascontiguousarray(square.toarray(), np.float32)
    dense[np.diag_indices_from(dense)] += np.float32(penalty)
    try:
        factor = cho_factor(dense, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        raise FitError("The content of the items is degenerate in float32; raise content_reg.") from None
    solved: FloatArray = cho_solve(factor, right.astype(np.float32), overwrite_b=True, check_finite=False)
    return solved
