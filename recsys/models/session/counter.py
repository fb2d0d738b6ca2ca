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
_Cell = list[float]  # the time it was last touched, then a count a half-life


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
        self._nexts = {item: _cells(nexts) for item, nexts in counts.nexts.items()}
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
            follows = self._nexts.setdefault(item, {})
            _touch(follows.setdefault(arrival.item, _nothing(time, FOLLOW_LIVES)), time, arrival.weight, FOLLOW_LIVES)
            self._frozen.pop(item, None)
            if len(follows) > self._recipe.most_nexts:
                others = [other for other in follows if other != arrival.item]
                del follows[min(others, key=lambda other: _left(follows[other], self._at, FOLLOW_LIVES))]

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
        cell = self._cells[row]
        late = cell[0] - time
        if late < 0:
            cell[1:] = cell[1:] * np.exp2(late / HALF_LIVES) + weight
            cell[0] = time
        else:
            cell[1:] += weight * np.exp2(-late / HALF_LIVES)

    def _forget(self) -> None:
        """Keep the most clicked items alone, and what follows them."""
        items = np.array(list(self._row), np.int64)  # in the order of their rows
        cells = self._cells[: len(items)]
        left = np.log2(cells[:, -1]) + cells[:, 0] / HALF_LIVES[-1]
        kept = np.sort(np.argsort(-left, kind="stable")[: self._recipe.most_items])
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
                self._frozen[item] = _nexts(follows, self._at)
        faded = cells[:, 1:] * np.exp2((cells[:, :1] - self._at) / HALF_LIVES)
        return Counts(items[order], faded, dict(self._frozen), self._at)


def _nothing(time: float, lives: Floats) -> _Cell:
    return [time, *[0.0] * len(lives)]


def _touch(cell: _Cell, time: float, weight: float, lives: Floats) -> None:
    """Add one event; the cell stays as of the newest event it has seen."""
    late = cell[0] - time
    if late < 0:
        faded = np.array(cell[1:]) * np.exp2(late / lives) + weight
        cell[0] = time
    else:
        faded = np.array(cell[1:]) + weight * np.exp2(-late / lives)
    cell[1:] = faded.tolist()


def _left(cell: _Cell, at: float, lives: Floats) -> float:
    """What the longest half-life has left of a cell."""
    return float(cell[-1] * np.exp2((cell[0] - at) / lives[-1]))


def _cells(nexts: Nexts) -> dict[int, _Cell]:
    rows = zip(nexts.items.tolist(), nexts.counts.tolist(), strict=True)
    return {item: [nexts.at, *row] for item, row in rows}


def _nexts(follows: dict[int, _Cell], at: float) -> Nexts:
    items = np.array(sorted(follows), np.int32)
    cells = np.array([follows[item] for item in items.tolist()])
    return Nexts(items, cells[:, 1:] * np.exp2((cells[:, :1] - at) / FOLLOW_LIVES), at)
