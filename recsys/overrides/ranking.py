"""Candidates for the positions of a list: the slate and what editors propose, on one scale, times their factors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from recsys.overrides.board import Room
from recsys.overrides.live import Live, Wanted, places_in
from recsys.types import BoolArray, FloatArray, IntArray, Slate

FLOOR = 0.05  # the normalised score of a slate's last item, so that a boost moves it too
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
    """Aligned columns, not sorted: first the slate's own rows, then what was proposed.

    Plain lists: for the few dozen candidates of one list they are quicker than arrays.
    """

    items: list[int]  # each once
    plain: list[float]  # normalised: FLOOR to 1 within the slate
    scores: list[float]  # times the factor
    factors: list[int]  # place in ``resolved.factored``, -1 for none
    rows: list[int]  # row of the slate, -1 for what was proposed
    open: list[bool]  # may stand by its score alone: not where an editor only named it

    @cached_property
    def worth(self) -> dict[int, float]:
        """item → score"""
        return dict(zip(self.items, self.scores, strict=True))


def candidates(slate: Slate, live: Live, eligible: BoolArray, room: Room, more: More) -> Candidates:
    """What may stand in a list.

    Scores are normalised to [0.05, 1] by the lowest and highest of what may be shown, so that a factor means the same
    for every model. An item that is boosted from beyond the slate is put on the same scale, where it is worth the less
    the further it lies below the slate's lowest. At most as many come in as there are positions.
    """
    items, scores, rows = _kept(slate, eligible)
    plain, scale = _normalised(scores)
    factors, worth = _factored(items, plain, live)
    n = len(items)
    found = Candidates(items, plain, worth, factors, rows, [True] * n)
    wanted = lacking(live.wanted(room.offset, room.k), eligible, items)
    if not len(wanted.items):
        return found
    value = scale.of_array(more.score(wanted.items)) if n else np.full(len(wanted.items), np.nan)
    return _joined(found, _proposals(wanted, value, room.k))


def lacking(wanted: Wanted, eligible: BoolArray, present: Sequence[int] | IntArray) -> Wanted:
    """What is wanted, eligible, (items,), and not present."""
    items = wanted.items
    if not len(items):
        return wanted
    left = eligible.take(items, mode="clip")
    if items[-1] >= len(eligible):
        left[items >= len(eligible)] = False
    met = places_in(items, np.asarray(present, np.int32))
    left[met[met >= 0]] = False
    return wanted.only(left)


def _factored(items: list[int], plain: list[float], live: Live) -> tuple[list[int], list[float]]:
    """The place of each item in ``resolved.factored``, and its score times that factor."""
    place_of, values = live.resolved.place_of, live.resolved.values
    if not place_of:
        return [-1] * len(items), plain
    places = [place_of.get(item, -1) for item in items]
    return places, [one if at < 0 else one * float(values[at]) for one, at in zip(plain, places, strict=True)]


def _proposals(wanted: Wanted, value: FloatArray, k: int) -> Candidates:
    """Items from beyond a slate, ``value`` (items,) on its scale; of those that a boost lifts the best ``k``."""
    said = np.isfinite(value)
    plain = np.where(said, np.minimum(value, 1.0), 0.0)
    worth, lifted = plain * wanted.factors, said & (wanted.factors > 1)
    open_to = np.flatnonzero(lifted)
    if len(open_to) > k:
        stays = ~lifted
        stays[open_to[np.argsort(-worth[open_to], kind="stable")[:k]]] = True
        wanted, plain, worth, lifted = wanted.only(stays), plain[stays], worth[stays], lifted[stays]
    items, factors = wanted.items.tolist(), wanted.factored.tolist()
    return Candidates(items, plain.tolist(), worth.tolist(), factors, [-1] * len(items), lifted.tolist())


def _joined(first: Candidates, then: Candidates) -> Candidates:
    """Those of ``then`` behind those of ``first``."""
    return Candidates(
        first.items + then.items,
        first.plain + then.plain,
        first.scores + then.scores,
        first.factors + then.factors,
        first.rows + then.rows,
        first.open + then.open,
    )


def _kept(slate: Slate, eligible: BoolArray) -> tuple[list[int], list[float], list[int]]:
    """Items, scores and rows of the slate that may stay, each item once."""
    items, scores, end = slate.items.tolist(), slate.scores.tolist(), len(eligible)
    rows = list(range(len(items)))
    if items and (min(items) < 0 or max(items) >= end):
        rows = [row for row, item in enumerate(items) if 0 <= item < end]
    may = eligible[slate.items[rows] if len(rows) < len(items) else slate.items]
    if may.all() and len(set(items)) == len(rows) == len(items):
        return items, scores, rows
    met: set[int] = set()
    kept = [row for row, fine in zip(rows, may.tolist(), strict=True) if fine and not _met(met, items[row])]
    return [items[row] for row in kept], [scores[row] for row in kept], kept


def _met(met: set[int], item: int) -> bool:
    """Whether an item has been here before."""
    if item in met:
        return True
    met.add(item)
    return False


def _normalised(scores: list[float]) -> tuple[list[float], "Scale"]:
    """Scores from FLOOR to 1, all 1 where they are equal, and the scale. What is not finite counts as the lowest."""
    if scores and math.isfinite(sum(scores)):  # as every list of a model is
        scale = Scale(min(scores), max(scores))
        return scale(scores), scale
    finite = [score for score in scores if math.isfinite(score)]
    if not finite:
        return [1.0] * len(scores), Scale(0.0, 0.0)
    scale = Scale(min(finite), max(finite))
    if len(finite) < len(scores):
        scores = [score if math.isfinite(score) else scale.low for score in scores]
    return scale(scores), scale


@dataclass(frozen=True, slots=True)
class Scale:
    """From a slate's own scores to the common ones."""

    low: float
    high: float

    def __call__(self, values: Sequence[float]) -> list[float]:
        """Normalised values: from FLOOR to 1 within the slate, below it they fall towards 0; NaN stays NaN."""
        low, span, rise = self.low, self.high - self.low, 1 - FLOOR
        if span <= 0:
            return [value if value != value else 1.0 if value >= low else FLOOR for value in values]
        lines = [FLOOR + rise * (value - low) / span for value in values]
        if min(lines, default=FLOOR) >= FLOOR:  # never where the first is NaN
            return lines
        return [FLOOR * math.exp(min(line / FLOOR - 1, 0)) if line < FLOOR else line for line in lines]

    def of_array(self, values: FloatArray) -> FloatArray:
        """(items,) as for a sequence."""
        low, span = self.low, self.high - self.low
        values = values.astype(np.float64)
        if span <= 0:
            return np.where(np.isnan(values), np.nan, np.where(values >= low, 1.0, FLOOR))
        lines = FLOOR + (1 - FLOOR) / span * (values - low)
        return np.where(lines < FLOOR, FLOOR * np.exp(np.minimum(lines / FLOOR - 1, 0)), lines)
