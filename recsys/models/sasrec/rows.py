"""What is learned from: pieces of histories in batches of like length, so that hardly any padding is computed."""

from dataclasses import dataclass

import numpy as np

from recsys.dataset.data import Dataset
from recsys.models.sasrec.gaps import gap_steps
from recsys.nn.packing import Index
from recsys.types import BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows filled from the front; what lies behind the end of a row is padding."""

    item: Index  # (rows, length)
    place: Index  # (rows, length) 0 for the last event of its row
    gap: Index  # (rows, length) step of the gap to the event that follows
    at: Index  # (pairs,) where in the flattened rows a target is asked for
    target: Index  # (pairs,) items


class Rows:
    """The events of each user in pieces of ``max_history`` inputs, counted back from the last target.

    An event is a target if it is liked, is not its user's first, and, where works do not return, is new to the user.
    Every target is in one row; rows without any are left out.
    """

    def __init__(self, data: Dataset, max_history: int) -> None:
        self._item = np.asarray(data.item).astype(np.int64)
        self._gap = np.zeros(data.n_events, np.int64)
        self._gap[:-1] = gap_steps(data.time[:-1], data.time[1:])  # across users too, where nobody looks
        self._wanted = targets(data)
        first, end = _pieces(data.indptr.astype(np.int64), self._wanted, max_history)
        total = np.concatenate([[0], np.cumsum(self._wanted)])
        pairs = total[end] - total[np.minimum(first + 1, end)]  # (rows,) targets of each
        kept = pairs > 0
        self.first, self.length, self.pairs = first[kept], (end - first)[kept] - 1, pairs[kept]

    def __len__(self) -> int:
        return len(self.first)

    def epoch(self, batch_size: int, rng: np.random.Generator) -> list[Index]:
        """All rows in random batches of like length, each of about as many events as ``batch_size`` rows on average."""
        order = rng.permutation(len(self))
        order = order[np.argsort(self.length[order], kind="stable")]
        budget = max(batch_size * self.length.mean(), 1.0)
        number = (np.cumsum(self.length[order]) - self.length[order]) // budget
        batches = np.split(order, np.flatnonzero(np.diff(number)) + 1)
        return [batches[at] for at in rng.permutation(len(batches))]

    def batch(self, rows: Index) -> Batch:
        """The named rows side by side."""
        first, length = self.first[rows, None], self.length[rows, None]
        step = np.arange(length.max())
        inside = step < length
        event = first + np.minimum(step, length - 1)  # padding repeats the last event
        wanted = self._wanted[event + 1] & inside
        return Batch(
            self._item[event],
            np.maximum(length - 1 - step, 0),
            self._gap[event],
            np.flatnonzero(wanted),
            self._item[event + 1][wanted],
        )


def targets(data: Dataset) -> BoolArray:
    """(events,) liked, not the user's first, and new to the user where works do not return."""
    wanted: BoolArray = np.array(data.positive, np.bool_)
    if not data.returns:
        new = np.zeros(data.n_events, np.bool_)
        key = np.asarray(data.user).astype(np.int64) * max(data.n_items, 1) + data.item
        new[np.unique(key, return_index=True)[1]] = True
        wanted &= new
    begins = data.indptr[:-1][np.diff(data.indptr) > 0]
    wanted[begins] = False
    return wanted


def _pieces(indptr: Index, wanted: BoolArray, max_history: int) -> tuple[Index, Index]:
    """Where each row begins and ends (rows,): the last event of a piece is the first input of the next one."""
    event = np.flatnonzero(wanted)
    last = np.searchsorted(event, indptr[1:])  # (users,) behind the user's last target
    some = last > np.searchsorted(event, indptr[:-1])
    begin, end = indptr[:-1][some], event[last[some] - 1] + 1
    count = -(-(end - 1 - begin) // max_history)  # (users,) pieces
    number = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)  # 0 for the newest piece
    ends = np.repeat(end, count) - number * max_history
    return np.maximum(np.repeat(begin, count), ends - max_history - 1), ends
