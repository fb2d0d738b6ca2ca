"""Implicit-feedback matrix factorisation, fitted by ``implicit``, with an exact fold-in of the query's history."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field, PositiveInt
from threadpoolctl import threadpool_limits

from recsys.dataset.data import Dataset, Holdout
from recsys.errors import FitError
from recsys.models.files import load_arrays, save_arrays, save_codes
from recsys.models.fold_in import FoldInModel, merged
from recsys.models.holdout import holdout_ndcg
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register, save_recipe
from recsys.types import BoolArray, FloatArray, Query

# Pairs of alpha and the regularisation as a share of alpha times the noise edge; the first is the default.
GRID = ((4.0, 0.7), (16.0, 0.3), (16.0, 0.8), (64.0, 0.2), (64.0, 0.8))
_BLOCK = 128  # queries whose normal equations are held at once


@register("als")
class ALS(Recipe):
    """Alternating least squares on confidence ``alpha * weight`` (Hu, Koren and Volinsky 2008).

    It learns from positive events, or from all of them; all events of a query count, by their weights. ``alpha`` and
    ``reg`` None are chosen on the holdout; without one alpha is 4 and reg follows from the density of the data.
    What has no training event is abstained from: such an item, and a query of such items only.
    """

    factors: PositiveInt = 64
    epochs: PositiveInt = 15
    alpha: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    reg: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    positives_only: bool = True

    def fit(self, data: Dataset, ctx: FitContext) -> "ALSModel":
        events = data.matrix(positives_only=self.positives_only)
        choices = self._choices(noise_edge(events))
        if ctx.holdout is None or len(ctx.holdout) == 0 or len(choices) == 1:
            return _fit(choices[0], events, ctx)
        return _best(choices, events, ctx, ctx.holdout)

    @classmethod
    def load(cls, folder: Path) -> Model:
        factors, gram, known = load_arrays(folder, "factors", "gram", "known")
        return ALSModel(load_recipe(folder), factors, gram, known).mapped(folder)

    def _choices(self, edge: float) -> list["ALS"]:
        """What the open fields may be, the default first; the recipe itself where none is open."""
        pairs = [(self.alpha or alpha, share) for alpha, share in GRID]
        open_fields = [{"alpha": alpha, "reg": self.reg or share * alpha * edge} for alpha, share in pairs]
        return list(dict.fromkeys(self.model_copy(update=fields) for fields in open_fields))


class ALSModel(FoldInModel):
    """Item factors and their Gram matrix; a query's vector solves its normal equations, as in training."""

    def __init__(self, recipe: Recipe, factors: FloatArray, gram: FloatArray, known: BoolArray) -> None:
        if not isinstance(recipe, ALS) or recipe.alpha is None or recipe.reg is None:
            raise TypeError("A fitted als needs a recipe of als with alpha and reg.")
        super().__init__(recipe, factors, known)
        self.gram = gram  # (d, d)
        self._alpha = recipe.alpha
        self._ridge = gram + recipe.reg * np.eye(len(gram))  # (d, d) float64

    def vectors(self, queries: Sequence[Query]) -> tuple[FloatArray, BoolArray]:
        """(queries, d) each query's solution of its normal equations; (queries,) whether it has a known item."""
        found = np.zeros((len(queries), len(self.gram)), np.float32)
        answers = np.zeros(len(queries), np.bool_)
        told = np.flatnonzero([len(query) > 0 for query in queries])  # without a history there is nothing to solve
        for start in range(0, len(told), _BLOCK):
            block = told[start : start + _BLOCK]
            left, right = zip(*(self._equations(queries[at]) for at in block), strict=True)
            found[block] = np.linalg.solve(np.stack(left), np.stack(right)[..., None])[..., 0]
            answers[block] = np.any(right, axis=1)
        return found, answers

    def save(self, folder: Path) -> None:
        save_arrays(folder, factors=self.factors, gram=self.gram, known=self.known)
        save_codes(folder, self.searched)
        save_recipe(self.recipe, folder)

    def _equations(self, query: Query) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Left (d, d) and right (d,) side of one history: sums of equal items, as in the training matrix."""
        items, weights = merged(query.items, query.weights, len(self.known))
        confidence = self._alpha * weights  # (items,) float64
        rows = self.factors[items].astype(np.float64)  # (items, d)
        return self._ridge + rows.T @ (rows * (confidence - 1)[:, None]), confidence @ rows


def noise_edge(events: sp.csr_matrix) -> float:
    """The largest singular value that events of this density would have by chance (Marchenko and Pastur 1967).

    Regularised factors keep of each singular value what exceeds ``reg``, so this is the scale on which ``reg`` is
    alike for all data.
    """
    energy = float((events.data.astype(np.float64) ** 2).sum())
    users, items = (max(1, len(np.unique(places))) for places in events.nonzero())
    return max(float(np.sqrt(energy / users) + np.sqrt(energy / items)), 1e-6)


def _best(choices: Sequence[ALS], events: sp.csr_matrix, ctx: FitContext, holdout: Holdout) -> "ALSModel":
    """The model of the choice with the best NDCG; the earlier one of equals."""
    everything = np.ones(events.shape[1], np.bool_)
    best: tuple[float, ALSModel] | None = None
    for choice in choices:
        if best is not None and ctx.late:
            break
        model = _fit(choice, events, ctx)
        with threadpool_limits(1, "blas"):  # for systems this small more threads cost more than they bring
            quality = holdout_ndcg(model, holdout, everything)
        if best is None or quality > best[0]:
            best = quality, model
    if best is None:
        raise FitError("als was given no settings to choose from; name alpha and reg in the spec.")
    return best[1]


def _fit(recipe: ALS, events: sp.csr_matrix, ctx: FitContext) -> "ALSModel":
    # Imported here because a worker that only maps a model has no use for the trainer.
    from implicit.cpu.als import AlternatingLeastSquares
    from implicit.recommender_base import ModelFitError

    known = np.diff(events.tocsc().indptr) > 0
    with threadpool_limits(1, "blas"):  # its own threads and those of BLAS would fight
        trainer = AlternatingLeastSquares(
            factors=recipe.factors,
            regularization=recipe.reg,
            alpha=recipe.alpha,
            iterations=recipe.epochs,
            num_threads=ctx.threads,
            random_state=ctx.rng(),
            calculate_training_loss=events.nnz > 0,
        )
        try:
            trainer.fit(events, show_progress=False, callback=_reporter(ctx))
        except ModelFitError as error:
            raise FitError(f"als did not converge ({error}); raise reg or lower alpha.") from None
    factors = np.where(known[:, None], trainer.item_factors, np.float32(0))  # (items, d)
    return ALSModel(recipe, factors, factors.T @ factors, known)


def _reporter(ctx: FitContext) -> Callable[[int, float, float | None], None]:
    def report(epoch: int, seconds: float, loss: float | None) -> None:
        ctx.report(epoch, {"seconds": seconds} if loss is None else {"loss": float(loss), "seconds": seconds})

    return report
