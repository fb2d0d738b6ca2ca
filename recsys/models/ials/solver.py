"""Half-sweeps of alternating least squares: one side's rows solved, or improved, against the other side's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from recsys.models.ials.linear import solve

LONGEST = 16_384  # cells of a row whose factors are gathered at once by the exact solver


@dataclass(frozen=True, eq=False)
class Batch:
    """A group of rows on the device."""

    rows: Tensor  # (b,)
    columns: Tensor  # (b * width,)
    cells: Tensor  # (b, width)


@dataclass(frozen=True, eq=False)
class Fixed:
    """One side's factors as the cells of the other side see them.

    They are scaled by the root of the confidence where all cells have the same.
    """

    fixed: Tensor  # (columns + 1, d), the last one zero
    parts: Sequence[Tensor]  # the same columns (columns + 1, block) by blocks of coordinates
    roots: Tensor | float  # (cells + 1,) of the confidences, 0 beyond; or the root that all share

    def wanted(self, batch: Batch) -> Tensor:
        """(b, width) roots of the confidences."""
        if isinstance(self.roots, float):
            return torch.full(batch.cells.shape, self.roots, dtype=self.fixed.dtype, device=self.fixed.device)
        return picked(self.roots, batch.cells)

    def gathered(self, table: Tensor, batch: Batch) -> Tensor:
        """(b, width, k) factors of each cell's column, times the root of its confidence."""
        found = table.index_select(0, batch.columns).view(*batch.cells.shape, table.shape[1])
        return found if isinstance(self.roots, float) else found.mul_(picked(self.roots, batch.cells)[:, :, None])


@dataclass(frozen=True, eq=False)
class Half(Fixed):
    """All that a half-sweep works on, in the eigenbasis of the fixed side's Gram matrix.

    There that matrix is diagonal: what all unobserved cells demand of a row costs one number a coordinate.
    """

    own: Tensor  # (rows, d) read in the basis before, written in the new one
    turn: Tensor  # (d, d) from the one to the other
    spectrum: Tensor  # (d,) of the Gram matrix, times ``unobserved``
    reg: Tensor  # (rows,)
    residual: Tensor  # (cells + 1,) root times what is left of 1; written

    def put_rest(self, batch: Batch, rest: Tensor) -> None:
        """Write (b, width) residuals."""
        self.residual.scatter_(0, batch.cells.reshape(-1), rest.reshape(-1))

    def ridge(self, batch: Batch) -> Tensor:
        """(b, d) diagonal of the normal equations without the observed cells."""
        return self.spectrum + self.reg.index_select(0, batch.rows)[:, None]


def solve_dual(half: Half, batch: Batch) -> None:
    """Exact solution by a system of the size of the history; its unknowns are the residuals themselves."""
    root = half.ridge(batch).rsqrt_()  # (b, d)
    seen = half.gathered(half.fixed, batch).mul_(root[:, None])  # (b, width, d)
    left = torch.bmm(seen, seen.transpose(1, 2))  # (b, width, width)
    left.diagonal(dim1=1, dim2=2).add_(1.0)
    rest = solve(left, half.wanted(batch))  # (b, width)
    half.own.index_copy_(0, batch.rows, torch.bmm(rest[:, None], seen)[:, 0].mul_(root))
    half.put_rest(batch, rest)


def solve_primal(half: Half, batch: Batch) -> None:
    """Exact solution by a system of the size of the factors."""
    ridge = half.ridge(batch)
    left, right = torch.diag_embed(ridge), torch.zeros_like(ridge)  # (b, d, d), (b, d)
    for span in _spans(batch):
        seen = half.gathered(half.fixed, span)
        left.baddbmm_(seen.transpose(1, 2), seen)
        right += torch.bmm(half.wanted(span)[:, None], seen)[:, 0]
    own = solve(left, right)
    half.own.index_copy_(0, batch.rows, own)
    for span in _spans(batch):
        reached = torch.bmm(own[:, None], half.gathered(half.fixed, span).transpose(1, 2))[:, 0]
        half.put_rest(span, half.wanted(span) - reached)


def improve(half: Half, batch: Batch) -> None:
    """One pass of block coordinate descent (Rendle et al. 2021): each block solved with the others as they are."""
    ridge = half.ridge(batch)
    own = torch.mm(half.own.index_select(0, batch.rows), half.turn)  # (b, d)
    rest = picked(half.residual, batch.cells)  # (b, width)
    first = 0
    for table in half.parts:
        part = slice(first, first := first + table.shape[1])
        seen = half.gathered(table, batch)  # (b, width, block)
        left = torch.bmm(seen.transpose(1, 2), seen)
        left.diagonal(dim1=1, dim2=2).add_(ridge[:, part])
        right = torch.bmm(rest[:, None], seen)[:, 0].sub_(ridge[:, part] * own[:, part])
        step = solve(left, right)
        own[:, part] += step
        rest -= torch.bmm(step[:, None], seen.transpose(1, 2))[
            :, 0
        ]  # in this order: BLAS is slow on (width, k) x (k, 1)
    half.own.index_copy_(0, batch.rows, own)
    half.put_rest(batch, rest)


def picked(values: Tensor, cells: Tensor) -> Tensor:
    return values.index_select(0, cells.reshape(-1)).view(cells.shape)  # several times as quick as values[cells]


def _spans(batch: Batch) -> Iterator[Batch]:
    width = batch.cells.shape[1]
    if width <= LONGEST:
        yield batch
        return
    columns = batch.columns.view(batch.cells.shape)
    for first in range(0, width, LONGEST):
        span = slice(first, first + LONGEST)
        yield Batch(batch.rows, columns[:, span].reshape(-1), batch.cells[:, span])


def solve_wide(half: Half, batches: Sequence[Batch]) -> None:
    """Solve in float64 what float32 could not: the batches with rows that are not finite."""
    bad = ~torch.isfinite(half.own).all(dim=1)
    if not bool(bad.any()):
        return
    wide = Half(
        fixed=half.fixed.double(),
        parts=(),
        roots=half.roots if isinstance(half.roots, float) else half.roots.double(),
        own=half.own.double(),
        turn=half.turn.double(),
        spectrum=half.spectrum.double(),
        reg=half.reg.double(),
        residual=half.residual.double(),
    )
    for batch in batches:
        if bool(bad[batch.rows].any()):
            solve_primal(wide, batch)
    half.own.copy_(wide.own)
    half.residual.copy_(wide.residual)
