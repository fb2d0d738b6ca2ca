"""Candidates for the positions of a list: the slate and what editors propose, on one scale, times their factors."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.overrides.board import Room
from recsys.overrides.live import Live
from recsys.types import BoolArray, FloatArray, IntArray, Slate

FLOOR = 0.05  # the normalised score of a slate's last item, so that a boost moves it too
BOOST = "boost"  # the source of an item that a boost brought in from beyond the candidates

Scores = NDArray[np.float64]


class More(Protocol):
    """Where a list gets what its slate does not hold. Neither raises; nothing is an answer."""

    def score(self, items: IntArray) -> FloatArray:
        """(items,) scores on the slate's scale; not finite where the model says nothing."""
        ...

    def best(self, among: BoolArray, n: int) -> Slate:
        """The best ``n`` of the items (items,) that are True."""
        ...


class Nothing:
    """There is no more than the slate."""

    def score(self, items: IntArray) -> FloatArray:
        """Nothing is known."""
        return np.full(len(items), np.nan, np.float32)

    def best(self, among: BoolArray, n: int) -> Slate:
        """Nothing."""
        return Slate(np.zeros(0, np.int32), np.zeros(0, np.float32), (), ())


@dataclass(frozen=True, eq=False)
class Candidates:
    """Aligned columns, not sorted: first the slate's own rows, then what was proposed."""

    items: IntArray  # (n,) each once
    plain: Scores  # (n,) normalised: FLOOR to 1 within the slate
    scores: Scores  # (n,) times the factor
    factors: IntArray  # (n,) place in ``resolved.factored``, -1 for none
    rows: IntArray  # (n,) row of the slate, -1 for what was proposed
    open: BoolArray  # (n,) may stand by its score alone: not where an editor only named it

    @cached_property
    def worth(self) -> dict[int, float]:
        """item → score"""
        return dict(zip(self.items.tolist(), self.scores.tolist(), strict=True))


def candidates(slate: Slate, live: Live, eligible: BoolArray, room: Room, more: More) -> Candidates:
    """What may stand in a list.

    Scores are normalised to [0.05, 1] by the lowest and highest of what may be shown, so that a factor means the same
    for every model. An item that is boosted from beyond the slate is put on the same scale, where it is worth the less
    the further it lies below the slate's lowest. At most as many come in as there are positions.
    """
    rows = _kept(slate.items, eligible)
    items = slate.items[rows]
    plain, scale = _normalised(slate.scores[rows])
    proposed = _proposed(items, live, eligible, room)
    n = len(items)
    if not len(proposed):
        places, factor = _factors(items, live)
        return Candidates(items, plain, plain * factor, places, rows, np.ones(n, np.bool_))
    value = scale(more.score(proposed)) if n else np.full(len(proposed), np.nan)
    spoken = np.isfinite(value)
    items, plain = (
        np.concatenate([items, proposed]),
        np.concatenate([plain, np.where(spoken, np.minimum(value, 1.0), 0.0)]),
    )
    places, factor = _factors(items, live)
    scores, rows = plain * factor, np.concatenate([rows, np.full(len(proposed), -1, np.int32)])
    open_to = np.concatenate([np.ones(n, np.bool_), spoken & (factor[n:] > 1)])
    kept = _best(scores, open_to, n, room.k)
    return Candidates(items[kept], plain[kept], scores[kept], places[kept], rows[kept], open_to[kept])


def _factors(items: IntArray, live: Live) -> tuple[IntArray, Scores]:
    """(items,) the place of each in ``resolved.factored``, and its factor."""
    places = live.resolved.places(items)
    return places, live.resolved.padded[places]


def _kept(items: IntArray, eligible: BoolArray) -> IntArray:
    """Rows of the slate that may stay, each item once."""
    inside = (items >= 0) & (items < len(eligible))
    rows = np.flatnonzero(inside)
    rows = rows[eligible[items[rows]]]
    if len(rows) > 1:
        first = np.unique(items[rows], return_index=True)[1]
        rows = rows[np.sort(first)] if len(first) < len(rows) else rows
    return rows.astype(np.int32)


def _proposed(items: IntArray, live: Live, eligible: BoolArray, room: Room) -> IntArray:
    """Items beyond the slate that editors want: boosted, of a pool, or of a guarantee that is due."""
    page = live.resolved.page(room.offset, room.k)
    wanted = page.wanted if live.plan is None else page.with_due(live.due[: room.k], live.plan.promises)
    if not len(wanted):
        return wanted
    wanted = wanted[wanted < len(eligible)]
    wanted = wanted[eligible[wanted]]
    if not len(items):
        return wanted
    known = np.sort(items)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    fresh: IntArray = wanted[known[at] != wanted]
    return fresh


def _normalised(scores: NDArray[np.floating]) -> tuple[Scores, "Scale"]:
    """Scores from FLOOR to 1, all 1 where they are equal, and the scale. What is not finite counts as the lowest."""
    values = scores.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.ones(len(values)), Scale(0.0, 0.0)
    low, high = float(values[finite].min()), float(values[finite].max())
    scale = Scale(low, high)
    return scale(np.where(finite, values, low)), scale


@dataclass(frozen=True, slots=True)
class Scale:
    """From a slate's own scores to the common ones."""

    low: float
    high: float

    def __call__(self, values: NDArray[np.floating]) -> Scores:
        """Normalised values: from FLOOR to 1 within the slate, below it they fall towards 0; NaN stays NaN."""
        given = values.astype(np.float64)
        span = self.high - self.low
        if span <= 0:
            return np.where(np.isnan(given), np.nan, np.where(given >= self.low, 1.0, FLOOR))
        line = FLOOR + (1 - FLOOR) * (given - self.low) / span
        return np.where(line < FLOOR, FLOOR * np.exp(np.minimum(line / FLOOR - 1, 0)), line)


def _best(scores: Scores, open_to: BoolArray, n: int, k: int) -> IntArray:
    """All rows but, behind the first ``n``, those who would stand by their score and are not among the best ``k``."""
    lifted = np.flatnonzero(open_to[n:]) + n
    if len(lifted) <= k:
        return np.arange(len(scores), dtype=np.int32)
    stays = np.ones(len(scores), np.bool_)
    stays[lifted] = False
    stays[lifted[np.argsort(-scores[lifted], kind="stable")[:k]]] = True
    return np.flatnonzero(stays).astype(np.int32)
