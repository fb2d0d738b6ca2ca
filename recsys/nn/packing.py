"""Histories of different lengths as one flat array: no padding, no work per item in Python."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsys.types import FloatArray, IntArray, Query

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Bags:
    """Weighted items of several histories, one history behind the other, oldest event first."""

    items: Tensor  # (entries,) int64
    row: Tensor  # (entries,) int64, ascending: the history that the entry is of
    place: Tensor  # (entries,) int64, 0 for the newest event of its history
    weight: Tensor  # (entries,) float32 > 0
    rows: int

    @property
    def offsets(self) -> Tensor:
        """(rows,) where each history begins."""
        return torch.searchsorted(self.row, torch.arange(self.rows, device=self.row.device))

    def to(self, device: str) -> "Bags":
        """The same histories on another device."""
        return Bags(
            self.items.to(device), self.row.to(device), self.place.to(device), self.weight.to(device), self.rows
        )


def spans(start: Index, end: Index) -> tuple[Index, Index]:
    """The indices of the ranges ``start:end`` one behind the other (entries,), and the range of each (entries,)."""
    length = end - start
    row = np.repeat(np.arange(len(start)), length)
    first = np.cumsum(length) - length
    return np.arange(len(row)) - first[row] + start[row], row


def bags(items: IntArray, weight: FloatArray, row: Index, rows: int) -> Bags:
    """Pack entries (entries,) that are sorted by ``row``."""
    end = np.cumsum(np.bincount(row, minlength=rows))
    place = end[row] - 1 - np.arange(len(row))
    return Bags(
        torch.from_numpy(items.astype(np.int64)),
        torch.from_numpy(row.astype(np.int64)),
        torch.from_numpy(place.astype(np.int64)),
        torch.from_numpy(weight.astype(np.float32)),
        rows,
    )


def pack_queries(queries: Sequence[Query], max_history: int) -> Bags:
    """Pack the ``max_history`` newest events of each query."""
    cut = [query.last(max_history) for query in queries]
    row = np.repeat(np.arange(len(cut)), [len(query) for query in cut])
    items = np.concatenate([np.zeros(0, np.int32), *(query.items for query in cut)])
    weight = np.concatenate([np.zeros(0, np.float32), *(query.weights for query in cut)])
    return bags(items, weight, row, len(cut))
