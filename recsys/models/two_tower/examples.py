"""What the towers learn from: a part of a user's events as history, liked events among the rest as targets."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsys.dataset.data import Dataset
from recsys.nn.packing import Bags, Index, bags, spans
from recsys.types import BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some users, each with a history and any number of targets."""

    users: Index  # (rows,)
    history: Bags  # of `rows` rows
    row: Tensor  # (pairs,) int64: whose target it is
    target: Tensor  # (pairs,) int64 items


class Examples:
    """Draws every user with a liked event once an epoch, at a new cut of its history each time.

    ``in_order`` is the share of users whose history is what came before the cut and whose targets came after it; for
    the others history and targets are told apart by a coin. At most ``max_history`` events either side of the cut.
    """

    def __init__(self, data: Dataset, max_history: int, in_order: float, rng: np.random.Generator) -> None:
        self._data, self._reach, self._in_order, self._rng = data, max_history, in_order, rng
        self._indptr = data.indptr.astype(np.int64)
        self.users = np.unique(np.asarray(data.user)[np.asarray(data.positive)]).astype(np.int64)

    def epoch(self, batch_size: int) -> Iterator[Batch]:
        """Batches of ``batch_size`` users in random order; those without any target are left out."""
        order = self._rng.permutation(self.users)
        for start in range(0, len(order), batch_size):
            batch = self._draw(order[start : start + batch_size])
            if len(batch.row):
                yield batch

    def _draw(self, users: Index) -> Batch:
        first, end = self._indptr[users], self._indptr[users + 1]
        cut = first + (self._rng.random(len(users)) * (end - first)).astype(np.int64)
        events, row = spans(np.maximum(first, cut - self._reach), np.minimum(end, cut + self._reach))
        before = self._history(events, row, cut)
        data = self._data
        items = data.item[events]
        target = data.positive[events] & ~before
        if not data.returns:  # a work met again is no discovery
            key = row * data.n_items + items
            target &= ~np.isin(key, key[before])
        return Batch(
            users,
            bags(items[before], data.weight[events][before], row[before], len(users)),
            torch.from_numpy(row[target]),
            torch.from_numpy(items[target].astype(np.int64)),
        )

    def _history(self, events: Index, row: Index, cut: Index) -> BoolArray:
        """(entries,) which events are history."""
        rate = self._rng.random(len(cut))[row]  # from next to nothing to next to all
        tossed = self._rng.random(len(row)) < rate
        in_order = self._rng.random(len(cut)) < self._in_order
        before: NDArray[np.bool_] = np.where(in_order[row], events < cut[row], tossed)
        return _newest(before, row, len(cut), self._reach)


def _newest(keep: BoolArray, row: Index, rows: int, most: int) -> BoolArray:
    """``keep`` (entries,) with only the last ``most`` that are kept of each row."""
    counts = np.bincount(row, keep, rows)
    total = np.cumsum(counts)
    left = total[row] - np.cumsum(keep)  # how many of the row are kept behind this one
    return keep & (left < most)
