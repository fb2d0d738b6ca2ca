"""Epochs of alternating half-sweeps over a log."""

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recsys.errors import FitError
from recsys.models.ials.conjugate import Stretch, descend, stretches
from recsys.models.ials.crew import Crew, crew
from recsys.models.ials.groups import groups
from recsys.models.ials.model import IALSModel
from recsys.models.ials.solver import Batch, Fixed, Half, improve, solve_dual, solve_primal, solve_wide
from recsys.models.recipe import FitContext
from recsys.types import FloatArray

if TYPE_CHECKING:
    from recsys.models.ials.recipe import IALS

DUAL = 32  # up to so many cells the dual system is quicker than passing over blocks
ROOM = {"cpu": 1 << 19}  # numbers that a batch gathers at once: what stays in the cache nearby
ROOM_ELSEWHERE = 1 << 26
ROWS = 4096  # of a table that one thread multiplies at a time
PASSES = 3  # of the subspace iteration that training starts from
BOUND = 1e-3  # share of alpha that the start takes the weight of unobserved cells to have at least
FAINT = 0.05  # what is left of a singular value at least, so that no direction is lost
USERS, ITEMS = 0, 1


class Training:
    """The factors of a log on their way; ``epoch`` improves them, ``model`` makes of them what is served."""

    def __init__(self, recipe: "IALS", events: sp.csr_matrix, ctx: FitContext) -> None:
        """``events`` (users, items) holds the weights > 0 of the observed cells."""
        self.recipe = recipe
        self._ctx = ctx
        self._threads, self._device = ctx.threads, torch.device(ctx.device)
        self._block = min(recipe.block, recipe.factors) if recipe.method == "block" else recipe.factors
        confidence = np.asarray(recipe.alpha * events.data, np.float64)  # (cells,)
        observed = sp.csr_matrix((confidence, events.indices, events.indptr), shape=events.shape)
        self._counts = [int((observed.sum(axis=1 - side) > 0).sum()) for side in (USERS, ITEMS)]
        self._sums = [np.asarray(observed.sum(axis=1 - side)).ravel() for side in (USERS, ITEMS)]
        self._reg = [
            self._to_device(np.where(own > 0, recipe.objective.ridge(own, others), 0.0).astype(np.float32))
            for own, others in zip(self._sums, reversed(self._counts), strict=True)
        ]
        alike = events.nnz == 0 or bool((confidence == confidence[0]).all())
        roots = self._to_device(np.append(np.sqrt(confidence), 0.0).astype(np.float32))  # (cells + 1,)
        self._roots = (float(np.sqrt(confidence[0])) if events.nnz else 1.0) if alike else roots
        self._residual = roots.clone()  # users start at zero
        sides = _both_ways(events)
        self._stretches = [stretches(side, self._device) for side in sides]
        self._batches = [[], []] if recipe.method == "conjugate" else [self._grouped(side) for side in sides]
        self.done = 0  # epochs
        with crew(self._threads, self._device) as hands:
            self._factors = [self._zeros(USERS), self._principal(ctx.rng(), hands)]

    @property
    def late(self) -> bool:
        """Whether the time to choose in is over."""
        return self._ctx.late

    @property
    def factors(self) -> tuple[FloatArray, FloatArray]:
        """Users (users, d) and items (items, d) as they are now, in a common basis."""
        users, items = (np.array(table[:-1].cpu().numpy()) for table in self._factors)
        return users, items

    def epoch(self) -> None:
        """Solve all users, then all items; the context is told the value of the objective afterwards."""
        with crew(self._threads, self._device) as hands:
            self._sweep(USERS, hands)
            half = self._sweep(ITEMS, hands)
            loss = hands.map(self._loss, [half])[0]
        self._ctx.report(self.done, {"loss": loss})
        self.done += 1

    def model(self) -> IALSModel:
        """What is served: the item factors, and of users folded in to them no more than their Gram matrix."""
        twin = copy(self)
        twin._factors = [self._factors[USERS].clone(), self._factors[ITEMS]]
        twin._residual = self._residual.clone()
        with crew(self._threads, self._device) as hands:
            twin._sweep(USERS, hands)
            audience = _gram(twin._factors[USERS], hands).cpu().numpy()
        recipe = self.recipe.model_copy(update={"epochs": self.done})
        return IALSModel(recipe, twin.factors[ITEMS], audience, self._sums[ITEMS] > 0, np.array(self._counts, np.int64))

    def _sweep(self, side: int, hands: Crew) -> Half:
        """Solve or improve one side's rows; both sides end in the eigenbasis of the fixed side's Gram matrix."""
        spectrum, basis = hands.map(_eigenbasis, [_gram(self._factors[1 - side], hands)])[0]
        turned = hands.map(lambda rows: rows @ basis, _pieces(self._factors[1 - side]))
        self._factors[1 - side] = torch.cat(turned)
        half = Half(
            **vars(self._fixed(self._factors[1 - side])),
            own=self._factors[side],
            turn=basis,
            spectrum=(self.recipe.objective.unobserved * spectrum).float(),
            reg=self._reg[side],
            residual=self._residual,
        )
        if self.recipe.method == "conjugate":
            squares = half.fixed.square()
            hands.each(lambda stretch: descend(half, squares, stretch, self.recipe.steps), self._stretches[side])
        else:
            hands.each(lambda batch: self._solve(half, batch), self._batches[side])
            hands.map(lambda _: solve_wide(half, self._batches[side]), [0])
        if not bool(torch.isfinite(half.own).all()):
            raise FitError("ials met a system without a solution; raise reg or lower alpha.")
        return half

    def _solve(self, half: Half, batch: Batch) -> None:
        if batch.cells.shape[1] <= self._dual:
            solve_dual(half, batch)
        elif self.recipe.method == "exact":
            solve_primal(half, batch)
        else:
            improve(half, batch)

    @property
    def _dual(self) -> int:
        """The widest batch that is solved by a system of its own size."""
        return self.recipe.factors if self.recipe.method == "exact" else min(DUAL, self.recipe.factors)

    def _loss(self, half: Half) -> float:
        """The objective after a half-sweep."""
        users, items = self._factors
        unobserved = (half.spectrum.double() * half.own.square().sum(dim=0, dtype=torch.float64)).sum()
        kept = [
            (reg * rows.square().sum(dim=1)[:-1]).sum(dtype=torch.float64)
            for reg, rows in zip(self._reg, (users, items), strict=True)
        ]
        return float(self._residual[:-1].square().sum(dtype=torch.float64) + unobserved + kept[USERS] + kept[ITEMS])

    def _grouped(self, side: sp.csr_matrix) -> list[Batch]:
        """The rows of one side in batches."""
        room = ROOM.get(self._device.type, ROOM_ELSEWHERE)

        def fits(width: int) -> int:
            return room // (self.recipe.factors if width <= self._dual else self._block)

        return [self._batch(group.rows, group.columns, group.cells) for group in groups(side, side.data, fits)]

    def _batch(self, rows: np.ndarray, columns: np.ndarray, cells: np.ndarray) -> Batch:
        return Batch(self._to_device(rows), self._to_device(columns.ravel()), self._to_device(cells))

    def _zeros(self, side: int) -> Tensor:
        return torch.zeros(len(self._sums[side]) + 1, self.recipe.factors, device=self._device)

    def _fixed(self, table: Tensor) -> Fixed:
        scaled = table * (self._roots if isinstance(self._roots, float) else 1.0)
        parts = [part.contiguous() for part in torch.split(scaled, self._block, dim=1)]
        return Fixed(scaled, parts, self._roots)

    def _principal(self, rng: np.random.Generator, hands: Crew) -> Tensor:
        """(items + 1, d) factors that spare the first epochs.

        With R the regularisation of both sides and S the principal part of R^-1/2 C R^-1/2, found by randomised
        subspace iteration (Halko, Martinsson and Tropp 2011), the right singular vectors of S, scaled as for a loss
        that is the same on all cells: there singular values shrink by 1 and are shared out evenly.
        """
        shrink = [torch.where(reg > 0, reg.rsqrt(), 0.0)[:, None] for reg in self._reg]
        vectors = self._zeros(ITEMS)
        drawn = rng.standard_normal((len(vectors) - 1, self.recipe.factors), np.float32)
        vectors[:-1] = self._to_device(drawn) * (shrink[ITEMS] > 0)
        for _ in range(PASSES):
            vectors, _ = _orthonormal(vectors, hands)
            for side in (USERS, ITEMS):
                vectors[:-1] *= shrink[1 - side]
                vectors = self._product(side, vectors, hands)
                vectors[:-1] *= shrink[side]
        vectors, squares = _orthonormal(vectors, hands)
        recipe = self.recipe
        weight = recipe.objective.unobserved + BOUND * recipe.alpha
        excess = (squares.sqrt() - 1.0).clamp(min=FAINT) / weight
        size = [float(reg[reg > 0].median()) if bool((reg > 0).any()) else 1.0 for reg in self._reg]
        vectors *= (excess * (size[USERS] * size[ITEMS])).sqrt().float()
        vectors[:-1] *= shrink[ITEMS]
        return vectors

    def _product(self, side: int, table: Tensor, hands: Crew) -> Tensor:
        """(rows + 1, d) the confidences of one side times a ``table`` of the other."""
        found = self._zeros(side)

        def put(stretch: Stretch) -> None:
            confidence = self._roots**2 if isinstance(self._roots, float) else self._roots[stretch.cells].square()
            found[stretch.rows] = stretch.sums(table, confidence)

        hands.each(put, self._stretches[side])
        return found

    def _to_device(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


def _both_ways(events: sp.csr_matrix) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Rows by users and by items; the data say where a cell lies in ``events``."""
    places = np.arange(events.nnz, dtype=np.int64)
    by_user = sp.csr_matrix((places, events.indices, events.indptr), shape=events.shape)
    return by_user, by_user.T.tocsr()


def _pieces(table: Tensor) -> list[Tensor]:
    return [table[at : at + ROWS] for at in range(0, len(table), ROWS)]


def _gram(table: Tensor, hands: Crew) -> Tensor:
    """(d, d) float64, summed in the same order by any number of threads."""
    return torch.stack(hands.map(lambda rows: (rows.T @ rows).double(), _pieces(table))).sum(dim=0)


def _orthonormal(table: Tensor, hands: Crew) -> tuple[Tensor, Tensor]:
    """Vectors that span the same (rows, d), and the sizes (d,) float64 that they had, the largest first."""
    squares, basis = hands.map(_eigenbasis, [_gram(table, hands)])[0]
    sizes = squares.clamp(min=max(float(squares[0]) * 1e-10, 1e-30)).sqrt()
    return torch.cat(hands.map(lambda rows: rows @ (basis / sizes).float(), _pieces(table))), sizes


def _eigenbasis(gram: Tensor) -> tuple[Tensor, Tensor]:
    """(d,) float64 and (d, d) float32, the largest eigenvalue first."""
    values, vectors = torch.linalg.eigh(gram)
    return values.flip(0).clamp(min=0.0), vectors.flip(1).float().contiguous()
