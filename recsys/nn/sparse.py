"""Fixed sparse rows times a dense table, quick in both directions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True, eq=False)
class _Packed:
    columns: Tensor  # (entries,) int64
    offsets: Tensor  # (rows,) int64
    weight: Tensor  # (entries,) float32

    def times(self, table: Tensor) -> Tensor:
        if len(self.columns) == 0:
            return table.new_zeros((len(self.offsets), table.shape[1]))
        return functional.embedding_bag(self.columns, table, self.offsets, mode="sum", per_sample_weights=self.weight)


class SparseRows:
    """A sparse matrix (rows, columns) that is not learned."""

    def __init__(self, rows: sp.csr_matrix, device: str = "cpu") -> None:
        self.shape: tuple[int, int] = rows.shape
        self._forward = _packed(rows, device)
        self._backward = _packed(rows.T.tocsr(), device)

    def times(self, table: Tensor) -> Tensor:
        """(rows, d) product with ``table`` (columns, d).

        The gradient is the transposed product; that of an embedding bag would sort all entries each time.
        """
        product: Callable[..., Tensor] = _Product.apply
        return product(table, self._forward, self._backward)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, forward: _Packed, backward: _Packed) -> Tensor:
        ctx.transposed = backward
        return forward.times(table)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        return ctx.transposed.times(grads[0]), None, None


def _packed(rows: sp.csr_matrix, device: str) -> _Packed:
    parts = (rows.indices.astype(np.int64), rows.indptr[:-1].astype(np.int64), rows.data.astype(np.float32))
    return _Packed(*[torch.from_numpy(part).to(device) for part in parts])
