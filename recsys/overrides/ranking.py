"""Candidates for the positions of a list: the slate and what editors propose, on one scale, times their factors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.overrides.board import Room
from recsys.overrides.live import Live, places_in
from recsys.types import BoolArray, FloatArray, IntArray, Slate

FLOOR = 0.05  # the normalised score of a slate's last item, so that a boost moves it too
Scores = NDArray[np.float64]
BOOST = "boost"  # the source of an item that a boost brought in from beyond the candidates


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
    """Aligned columns: first the slate's own rows, then what was proposed."""

    items: list[int]  # each once; all of them may be shown
    plain: Scores  # normalised: FLOOR to 1 within the slate
    scores: list[float]  # times the factor
    factors: list[int]  # place in ``resolved.factored``, -1 for none
    rows: Sequence[int]  # row of the slate, of those that have one
    order: list[int]  # places here of those that may stand by their score alone, best first: not what was only named

    @cached_property
    def worth(self) -> dict[int, float]:
        """item → score"""
        return dict(zip(self.items, self.scores, strict=True))


def candidates(slate: Slate, live: Live, eligible: BoolArray, room: Room, more: More) -> Candidates:
    """What may stand in a list.

    Scores are normalised to [0.05, 1] by the lowest and highest of what may be shown, so that a factor means the same
    for every model. An item that is boosted from beyond the slate is put on the same scale, where it is worth the less
    the further it lies below the slate's lowest.
    """
    items, scores, rows = _kept(slate, eligible)
    n = len(rows)
    low, high = float(scores.min(initial=np.inf)), float(scores.max(initial=-np.inf))
    proposed = lacking(live.wanted(room.offset, room.k), eligible, items)
    if len(proposed):
        items = np.concatenate([items, proposed])
        scores = np.concatenate([scores, more.score(proposed)]) if n else np.full(len(proposed), np.nan)
    plain, said = _normalised(scores, low, high)
    factors = places_in(live.resolved.factored, items)
    factor = live.resolved.factor_at[factors]
    worth = plain * factor
    by_score = said & (factor > 1)
    by_score[:n] = True
    order = np.flatnonzero(by_score)
    order = order[np.argsort(-worth[order], kind="stable")]
    return Candidates(items.tolist(), plain, worth.tolist(), factors.tolist(), rows, order.tolist())


def lacking(wanted: IntArray, eligible: BoolArray, present: IntArray) -> IntArray:
    """The sorted items of ``wanted`` that are eligible, (items,), and not present."""
    if not len(wanted):
        return wanted
    left = eligible.take(wanted, mode="clip")
    if wanted[-1] >= len(eligible):
        left[wanted >= len(eligible)] = False
    met = places_in(wanted, present)
    left[met[met >= 0]] = False
    return wanted[left]


def _kept(slate: Slate, eligible: BoolArray) -> tuple[IntArray, Scores, Sequence[int]]:
    """Items, scores and rows of the slate that may stay, each item once; a score that is not finite is the lowest."""
    items, end = slate.items.tolist(), len(eligible)
    rows: Sequence[int] = range(len(items))
    inside = not items or (min(items) >= 0 and max(items) < end)
    if not inside or len(set(items)) < len(items) or not eligible[slate.items].all():
        first = {item: row for row, item in reversed(list(enumerate(items))) if 0 <= item < end and eligible[item]}
        rows = sorted(first.values())
        slate = Slate(slate.items[rows], slate.scores[rows], (), ())
    scores = slate.scores.astype(np.float64)
    fine = np.isfinite(scores)
    if not fine.all():
        scores = np.where(fine, scores, scores[fine].min() if fine.any() else 0.0)
    return slate.items, scores, rows


def _normalised(scores: Scores, low: float, high: float) -> tuple[Scores, BoolArray]:
    """Scores on the scale of a slate: from FLOOR to 1 within it, below it they fall towards 0; and which are finite.

    All within it are 1 where they are equal, none is above 1, and what is not finite is 0.
    """
    said = np.isfinite(scores)
    span = high - low
    if span > 0:
        lines = FLOOR + (1 - FLOOR) * (scores - low) / span
        lines = np.where(lines < FLOOR, FLOOR * np.exp(np.minimum(lines / FLOOR - 1, 0)), lines)
    else:
        lines = np.where(scores >= low, 1.0, FLOOR)
    return np.where(said, np.minimum(lines, 1.0), 0.0), said
