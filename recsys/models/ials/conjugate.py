"""Half-sweeps by conjugate gradients: nothing is gathered, so that a step costs two passes over the cells."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from recsys.models.ials.solver import Half, picked

CELLS = 1 << 17  # of a stretch, about: enough for a call to pay, few enough to share out among threads
_TINY = 1e-30


@dataclass(frozen=True, eq=False)
class Stretch:
    """Neighbouring rows of one side and their cells, row by row, on the device."""

    rows: slice
    pattern: Tensor  # (rows, columns + 1) compressed by row; its values are never looked at
    columns: Tensor  # (cells,)
    starts: Tensor  # (rows,) where the cells of each begin
    row: Tensor  # (cells,) of the stretch
    cells: Tensor  # (cells,) where each lies among all cells of the log

    def sums(self, table: Tensor, weights: Tensor | float = 1.0) -> Tensor:
        """(rows, k) of each row's columns in a ``table`` (columns + 1, k), times ``weights`` (cells,)."""
        if isinstance(weights, float):
            return embedding_bag(self.columns, table, self.starts, mode="sum").mul_(weights)
        return embedding_bag(self.columns, table, self.starts, mode="sum", per_sample_weights=weights)

    def products(self, own: Tensor, table: Tensor) -> Tensor:
        """(cells,) inner products of ``own`` (rows, k) with the cells' columns in ``table`` (columns + 1, k)."""
        found: Tensor = torch.sparse.sampled_addmm(self.pattern, own, table.T, beta=0.0)
        return found.values()


def stretches(matrix: sp.csr_matrix, device: torch.device) -> list[Stretch]:
    """All rows of a side; the data of ``matrix`` say where each cell lies in the log.

    They follow from the matrix alone, so that the same sums are taken by any number of threads.
    """
    return [_stretch(matrix, first, last, device) for first, last in _cuts(matrix.indptr)]


def _cuts(indptr: np.ndarray) -> Iterator[tuple[int, int]]:
    first, rows = 0, len(indptr) - 1
    while first < rows:
        last = min(max(int(np.searchsorted(indptr, indptr[first] + CELLS)), first + 1), rows)
        yield first, last
        first = last


def _stretch(matrix: sp.csr_matrix, first: int, last: int, device: torch.device) -> Stretch:
    indptr = matrix.indptr[first : last + 1].astype(np.int64)
    cells = slice(indptr[0], indptr[-1])
    starts = torch.from_numpy(indptr - indptr[0]).to(device)
    columns = torch.from_numpy(matrix.indices[cells].astype(np.int64)).to(device)
    with warnings.catch_warnings():  # torch calls this layout a beta each time
        warnings.simplefilter("ignore")
        pattern = torch.sparse_csr_tensor(
            starts, columns, torch.zeros(len(columns), device=device), (last - first, matrix.shape[1] + 1)
        )
    row = torch.from_numpy(np.repeat(np.arange(last - first), np.diff(indptr))).to(device)
    places = torch.from_numpy(matrix.data[cells].astype(np.int64)).to(device)
    return Stretch(slice(first, last), pattern, columns, starts[:-1], row, places)


def descend(half: Half, squares: Tensor, stretch: Stretch, steps: int) -> None:
    """Take ``steps`` of conjugate gradients from where the rows stand (Takács, Pilászy and Tikk 2011).

    ``squares`` are those of ``half.fixed``. The diagonal of each row's system preconditions it: in the eigenbasis of
    the fixed side it is most of the matrix.
    """
    ridge = half.spectrum + half.reg[stretch.rows][:, None]  # (rows, d)
    # where all cells have the same confidence, `fixed` holds its root already
    root = 1.0 if isinstance(half.roots, float) else picked(half.roots, stretch.cells)
    own = torch.mm(half.own[stretch.rows], half.turn)
    rest = picked(half.residual, stretch.cells)  # (cells,)
    left = stretch.sums(half.fixed, rest * root) - ridge * own  # what the equations still lack
    scale = (ridge + stretch.sums(squares, root * root)).reciprocal_()
    ahead = left * scale
    fall = (left * ahead).sum(dim=1)
    for step in range(steps):
        reached = stretch.products(ahead, half.fixed) * root  # (cells,)
        bent = stretch.sums(half.fixed, reached * root).addcmul_(ridge, ahead)
        length = fall / (ahead * bent).sum(dim=1).clamp_min(_TINY)  # (rows,)
        own.addcmul_(ahead, length[:, None])
        rest -= length.index_select(0, stretch.row) * reached
        if step + 1 < steps:
            left.addcmul_(bent, length[:, None], value=-1.0)
            eased = left * scale
            before, fall = fall, (left * eased).sum(dim=1)
            ahead = eased.addcmul_(ahead, (fall / before.clamp_min(_TINY))[:, None])
    half.own[stretch.rows] = own
    half.residual.index_copy_(0, stretch.cells, rest)
