"""The counts of ``session`` while they change."""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recsys.models.live import Arrival
from recsys.models.session.counts import CONTEXT, FOLLOW_LIVES, HALF_LIVES, Counts, Floats, Nexts

if TYPE_CHECKING:
    from recsys.models.session.model import SessionModel

_SLACK = 1.1  # items are dropped in batches, so that it costs next to nothing an event


class SessionCounter:
    """Counts of one model, going on event by event. Thread-safe.

    At most ``most_items`` items (and a tenth more between two clean-ups), each with at most ``most_nexts`` that follow
    it: the smallest by their longest half-life go. An event that comes late counts by its age.
    """

    def __init__(self, model: "SessionModel") -> None:
        self._recipe, self._fitted = model.session, model
        counts = model.counts
        self._at = counts.at
        self._row = {item: row for row, item in enumerate(counts.items.tolist())}
        self._cells = np.column_stack([np.full(len(counts.items), counts.at), counts.clicks])  # (rows, 1 + half-lives)
        self._nexts = {item: _Follows.of(nexts) for item, nexts in counts.nexts.items()}
        self._frozen = dict(counts.nexts)  # of ``_nexts``, those that have not changed since
        self._lock = threading.Lock()
        self._model: SessionModel | None = model

    def count(self, arrivals: Sequence[Arrival]) -> None:
        """Count liked events, in whatever order they come; one without a time as if it were now."""
        if not arrivals:
            return
        with self._lock:
            for arrival in arrivals:
                self._one(arrival)
            self._model = None

    def counts(self) -> Counts:
        """Frozen counts as of the newest event."""
        with self._lock:
            return self._counts()

    def model(self) -> "SessionModel":
        """The frozen model; the same object until more events come."""
        with self._lock:
            if self._model is None:
                self._model = self._fitted.with_counts(self._counts())
            return self._model

    def _one(self, arrival: Arrival) -> None:
        time = arrival.time if arrival.time == arrival.time else self._at  # NaN is no time
        if not self._at >= time:
            self._at = time
        self._click(arrival.item, time, arrival.weight)
        before = [item for item in dict.fromkeys(arrival.before) if item != arrival.item][:CONTEXT]
        for item in before:
            if item not in self._row:
                continue  # what follows is known of at most as many as are counted
            if item not in self._nexts:
                self._nexts[item] = _Follows()
            self._nexts[item].add(arrival.item, time, arrival.weight, self._recipe.most_nexts)
            self._frozen.pop(item, None)

    def _click(self, item: int, time: float, weight: float) -> None:
        row = self._row.get(item)
        if row is None:
            if len(self._row) >= _SLACK * self._recipe.most_items:
                self._forget()
            row = self._row[item] = len(self._row)
            if row >= len(self._cells):
                self._cells = np.concatenate([self._cells, np.zeros((len(self._cells) + 64, self._cells.shape[1]))])
            self._cells[row] = 0.0
            self._cells[row, 0] = time
        _touch(self._cells[row], time, weight, HALF_LIVES)

    def _forget(self) -> None:
        """Keep the most clicked items alone, and what follows them."""
        items = np.array(list(self._row), np.int64)  # in the order of their rows
        cells = self._cells[: len(items)]
        kept = np.sort(np.argsort(-_left(cells, HALF_LIVES), kind="stable")[: self._recipe.most_items])
        self._cells = cells[kept]
        self._row = {item: row for row, item in enumerate(items[kept].tolist())}
        for item in [item for item in self._nexts if item not in self._row]:
            del self._nexts[item]
            self._frozen.pop(item, None)

    def _counts(self) -> Counts:
        items = np.array(list(self._row), np.int32)
        order = np.argsort(items)
        cells = self._cells[: len(items)][order]
        for item, follows in self._nexts.items():
            if item not in self._frozen:
                self._frozen[item] = follows.frozen(self._at)
        faded = cells[:, 1:] * np.exp2((cells[:, :1] - self._at) / HALF_LIVES)
        return Counts(items[order], faded, dict(self._frozen), self._at)


class _Follows:
    """What follows one item: a row of ``cells`` each, as (time last touched, a count a half-life)."""

    __slots__ = ("_cells", "_items", "_size")

    def __init__(self) -> None:
        self._items = np.full(2, -1, np.int32)
        self._cells = np.zeros((2, 1 + len(FOLLOW_LIVES)))
        self._size = 0

    @classmethod
    def of(cls, nexts: Nexts) -> "_Follows":
        """Those of a fitted model."""
        follows = cls()
        follows._items = np.array(nexts.items, np.int32)
        follows._cells = np.column_stack([np.full(len(nexts.items), nexts.at), nexts.counts])
        follows._size = len(nexts.items)
        return follows

    def add(self, item: int, time: float, weight: float, most: int) -> None:
        """Count ``item``; where there are ``most`` it takes the place of the smallest."""
        found = np.flatnonzero(self._items[: self._size] == item)
        row = int(found[0]) if len(found) else self._place(item, time, most)
        _touch(self._cells[row], time, weight, FOLLOW_LIVES)

    def frozen(self, at: float) -> Nexts:
        """As of ``at``."""
        order = np.argsort(self._items[: self._size])
        cells = self._cells[order]
        return Nexts(self._items[order], cells[:, 1:] * np.exp2((cells[:, :1] - at) / FOLLOW_LIVES), at)

    def _place(self, item: int, time: float, most: int) -> int:
        if self._size >= most:
            row = int(np.argmin(_left(self._cells[: self._size], FOLLOW_LIVES)))
        else:
            row = self._size
            self._size += 1
            if row == len(self._items):
                self._items = np.concatenate([self._items, self._items])
                self._cells = np.concatenate([self._cells, self._cells])
        self._items[row], self._cells[row] = item, 0.0
        self._cells[row, 0] = time
        return row


def _touch(cell: Floats, time: float, weight: float, lives: Floats) -> None:
    """Add one event; the cell stays as of the newest event it has seen."""
    late = cell[0] - time
    if late < 0:
        cell[1:] = cell[1:] * np.exp2(late / lives) + weight
        cell[0] = time
    else:
        cell[1:] += weight * np.exp2(-late / lives)


def _left(cells: Floats, lives: Floats) -> Floats:
    """(rows,) what the longest half-life has left of each, as a logarithm, so that it compares at any moment."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log2(cells[:, -1]) + cells[:, 0] / lives[-1])
