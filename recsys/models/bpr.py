"""Pairwise ranking by matrix factorisation, fitted by ``implicit``, with a ridge fold-in of the query's history."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat, PositiveInt
from threadpoolctl import threadpool_limits

from recsys.dataset.data import Dataset, Holdout
from recsys.errors import FitError
from recsys.models.files import load_arrays, save_arrays, save_codes
from recsys.models.fold_in import FoldInModel, heard
from recsys.models.holdout import holdout_ndcg
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register, save_recipe
from recsys.types import BoolArray, FloatArray, Query

REGS = (0.03, 0.01, 0.003)  # the first is the default
FOLD_IN_REGS = (0.3, 0.1, 1.0, 3.0)  # the first is the default
_BLOCK = 128  # queries whose normal equations are held at once


@register("bpr")
class BPR(Recipe):
    """Bayesian personalised ranking (Rendle et al. 2009): an item that was liked stands above one that was not.

    A query's vector is not trained: a ridge regression on the fixed item factors asks for the same score at each of
    its items, with ``fold_in_reg`` times the largest eigenvalue of the factors' mean square; its length is such that
    its scores are spread over the items as those of the trained users are, which is the scale of the items' biases.
    ``reg`` (of training) and ``fold_in_reg`` None are chosen on the holdout; without one they are .03 and .3.
    The fit is one thread's work: more would race, and no two fits be the same. What has no training event is
    abstained from: such an item, and a query of such items only.
    """

    factors: PositiveInt = 64
    epochs: PositiveInt = 100
    learning_rate: PositiveFloat = Field(default=0.05, allow_inf_nan=False)
    reg: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    fold_in_reg: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    positives_only: bool = True

    def fit(self, data: Dataset, ctx: FitContext) -> "BPRModel":
        """Fit once for each ``reg`` in question, and keep the best of it and ``fold_in_reg`` by NDCG on the holdout.

        At least one is fitted whatever ``ctx.until`` says.
        """
        events = data.matrix(positives_only=self.positives_only)
        holdout = ctx.holdout if ctx.holdout is not None and len(ctx.holdout) > 0 else None
        best: tuple[float, BPRModel] | None = None
        for reg in _open(self.reg, REGS, holdout):
            if best is not None and ctx.late:
                break
            arrays = _train(self.model_copy(update={"reg": reg}), events, ctx)
            for fold_in_reg in _open(self.fold_in_reg, FOLD_IN_REGS, holdout):
                model = BPRModel(self.model_copy(update={"reg": reg, "fold_in_reg": fold_in_reg}), arrays)
                quality = 0.0 if holdout is None else _quality(model, holdout)
                if best is None or quality > best[0]:
                    best = quality, model
        if best is None:
            raise FitError("bpr was given no settings to choose from; name reg and fold_in_reg in the spec.")
        return best[1]

    @classmethod
    def load(cls, folder: Path) -> Model:
        names = [field.name for field in fields(Arrays)]
        return BPRModel(load_recipe(folder), Arrays(*load_arrays(folder, *names))).mapped(folder)


@dataclass(frozen=True, eq=False)
class Arrays:
    """What is saved; nothing in it belongs to a user."""

    factors: FloatArray  # (items, d)
    bias: FloatArray  # (items,)
    known: BoolArray  # (items,) has a training event
    square: NDArray[np.float64]  # (d, d) mean over the known items of a factor's outer product
    spread: NDArray[np.float64]  # (d, d) x' spread x is the variance of x's scores, over that of the trained users'


class BPRModel(FoldInModel):
    """Item factors and biases; a query's vector solves a ridge regression on the factors of its items."""

    def __init__(self, recipe: Recipe, arrays: Arrays) -> None:
        if not isinstance(recipe, BPR) or recipe.fold_in_reg is None:
            raise TypeError("A fitted bpr needs a recipe of bpr with fold_in_reg.")
        super().__init__(recipe, arrays.factors, arrays.known, arrays.bias)
        self.arrays = arrays
        largest = float(np.linalg.eigvalsh(arrays.square)[-1])
        self._ridge = max(recipe.fold_in_reg * largest, 1e-12) * np.eye(len(arrays.square))  # (d, d)

    def vectors(self, queries: Sequence[Query]) -> tuple[FloatArray, BoolArray]:
        """(queries, d) each history's ridge solution at a trained user's scale; (queries,) whether an item is known."""
        found = np.zeros((len(queries), len(self._ridge)), np.float32)
        inside = [heard(query.items, self.known) for query in queries]
        answers = np.array([own.any() for own in inside], np.bool_)
        told = np.flatnonzero(answers)
        for start in range(0, len(told), _BLOCK):
            block = told[start : start + _BLOCK]
            left, right = zip(*(self._equations(queries[at], inside[at]) for at in block), strict=True)
            solved = np.linalg.solve(np.stack(left), np.stack(right)[..., None])[..., 0]
            for at, vector in zip(block, solved, strict=True):
                length = float(np.sqrt(max(vector @ self.arrays.spread @ vector, 0.0)))
                found[at] = vector / length if length > 0 else vector
        return found, answers

    def save(self, folder: Path) -> None:
        save_arrays(folder, **{field.name: getattr(self.arrays, field.name) for field in fields(Arrays)})
        save_codes(folder, self.searched)
        save_recipe(self.recipe, folder)

    def _equations(self, query: Query, inside: BoolArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Left (d, d) and right (d,) side of one history, as means over its weights."""
        rows = self.arrays.factors[query.items[inside]].astype(np.float64)  # (events, d)
        weights = query.weights[inside].astype(np.float64)
        weights /= weights.sum()
        return rows.T @ (rows * weights[:, None]) + self._ridge, weights @ rows


def _open(value: float | None, choices: tuple[float, ...], holdout: Holdout | None) -> tuple[float, ...]:
    """What a field may be: what it is, all choices where there is something to choose on, else the default."""
    if value is not None:
        return (value,)
    return choices[:1] if holdout is None else choices


def _quality(model: BPRModel, holdout: Holdout) -> float:
    with threadpool_limits(1, "blas"):  # for systems this small more threads cost more than they bring
        return holdout_ndcg(model, holdout, np.ones(len(model.arrays.known), np.bool_))


def _train(recipe: BPR, events: sp.csr_matrix, ctx: FitContext) -> Arrays:
    known = np.asarray(events.getnnz(axis=0)) > 0
    users, items = _factors(recipe, events, ctx)
    if not np.isfinite(items).all() or not np.isfinite(users).all():
        raise FitError("bpr did not converge; lower learning_rate or raise reg.")
    factors = np.where(known[:, None], items[:, :-1], np.float32(0))  # (items, d)
    wide = factors[known].astype(np.float64)
    square = wide.T @ wide / max(1, len(wide))
    centre = wide.mean(axis=0) if len(wide) else np.zeros(len(square))
    cover = square - np.outer(centre, centre)  # (d, d) x' cover x is the variance of x's scores over the items
    told = users[np.diff(events.indptr) > 0, :-1].astype(np.float64)
    usual = float(np.einsum("ud,de,ue->u", told, cover, told, optimize=True).mean()) if len(told) else 0.0
    return Arrays(factors, np.where(known, items[:, -1], np.float32(0)), known, square, cover / max(usual, 1e-12))


def _factors(recipe: BPR, events: sp.csr_matrix, ctx: FitContext) -> tuple[FloatArray, FloatArray]:
    """(users, d + 1) and (items, d + 1) trained factors; the last of an item is its bias, that of a user is 1."""
    # Imported here because a worker that only maps a model has no use for the trainer.
    from implicit.cpu.bpr import BayesianPersonalizedRanking

    if events.nnz == 0:
        users, items = (np.zeros((rows, recipe.factors + 1), np.float32) for rows in events.shape)
        return users, items
    with threadpool_limits(1, "blas"):
        trainer = BayesianPersonalizedRanking(
            factors=recipe.factors,
            learning_rate=recipe.learning_rate,
            regularization=recipe.reg,
            iterations=recipe.epochs,
            num_threads=1,
            random_state=ctx.rng(),
        )
        trainer.fit(events, show_progress=False)
    return np.asarray(trainer.user_factors), np.asarray(trainer.item_factors)
