"""Candidates for the positions of a list: the slate and what editors propose, on one scale, times their factors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from recsys.overrides.board import Room
from recsys.overrides.live import Live, Page
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


def candidates(slate: Slate, live: Live, eligible: BoolArray, room: Room, more: More, page: Page) -> Candidates:
    """What may stand in a list, of which ``page`` are the slots.

    Scores are normalised to [0.05, 1] by the lowest and highest of what may be shown, so that a factor means the same
    for every model. An item that is boosted from beyond the slate is put on the same scale, where it is worth the less
    the further it lies below the slate's lowest. At most as many come in as there are positions.
    """
    items, scores, rows = _kept(slate, eligible)
    plain, scale = _normalised(scores)
    n = len(items)
    proposed = _proposed(items, live, eligible, room, page)
    if not proposed:
        places, worth = _factored(items, plain, live)
        return Candidates(items, plain, worth, places, rows, [True] * n)
    value = scale(more.score(np.array(proposed, np.int32)).tolist()) if n else [math.nan] * len(proposed)
    spoken = [math.isfinite(one) for one in value]
    items += proposed
    rows += [-1] * len(proposed)
    plain += [min(one, 1.0) if said else 0.0 for one, said in zip(value, spoken, strict=True)]
    places, worth = _factored(items, plain, live)
    lifts = live.resolved.values
    open_to = [True] * n
    open_to += [said and place >= 0 and bool(lifts[place] > 1) for said, place in zip(spoken, places[n:], strict=True)]
    found = Candidates(items, plain, worth, places, rows, open_to)
    return found if sum(open_to) - n <= room.k else _best(found, n, room.k)


def _factored(items: list[int], plain: list[float], live: Live) -> tuple[list[int], list[float]]:
    """The place of each item in ``resolved.factored``, and its score times that factor."""
    place_of, values = live.resolved.place_of, live.resolved.values
    places, worth = [-1] * len(items), plain
    met = set(items).intersection(place_of)  # few of many: most items have no factor
    if met:
        worth = plain.copy()
        for row, item in enumerate(items):
            if item in met:
                places[row] = place_of[item]
                worth[row] *= float(values[places[row]])
    return places, worth


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


def _proposed(items: list[int], live: Live, eligible: BoolArray, room: Room, page: Page) -> list[int]:
    """Items beyond the slate that editors want: boosted, of a pool, or of a guarantee that is due."""
    wanted = page.wanted if live.plan is None else page.with_due(live.due[: room.k], live.plan.promises)
    if not len(wanted):
        return []
    wanted = wanted[wanted < len(eligible)]
    known = set(items)
    return [item for item in wanted[eligible[wanted]].tolist() if item not in known]


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


def _best(found: Candidates, n: int, k: int) -> Candidates:
    """All but, behind the first ``n``, those who would stand by their score and are not among the best ``k``."""
    lifted = [row for row in range(n, len(found.items)) if found.open[row]]
    stays = set(sorted(lifted, key=lambda row: -found.scores[row])[:k])
    kept = [row for row in range(len(found.items)) if row < n or not found.open[row] or row in stays]
    columns = (found.items, found.plain, found.scores, found.factors, found.rows)
    items, plain, scores, factors, rows = ([column[row] for row in kept] for column in columns)
    return Candidates(items, plain, scores, factors, rows, [found.open[row] for row in kept])  # type: ignore[arg-type]
