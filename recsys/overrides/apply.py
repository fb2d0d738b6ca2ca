"""Overrides on a list: they move and remove items, and never let in what the gate keeps out."""

import numpy as np
from numpy.typing import NDArray

from recsys.overrides.index import Live, Unserved
from recsys.types import BoolArray, IntArray, Slate

FLOOR = 0.05  # the normalised score of a slate's last item, so that a boost moves it too
PIN = "pin"
INELIGIBLE = "ineligible"  # the gate or the user's own controls keep the item out
BEYOND_LIST = "beyond_list"  # the slot lies behind the list's last position


def apply(slate: Slate, live: Live, eligible: BoolArray, k: int) -> Slate:
    """The first ``k`` of a slate under the overrides that hold.

    ``eligible`` is (items,): what the gate, the user's controls and the filters leave; every item of the answer is of
    it, whatever the overrides say. Scores are normalised to [0.05, 1] by the slate's own lowest and highest, then
    multiplied, so that a factor means the same for every model; ties keep the slate's order. A pin stands in its slot,
    or behind the last item of a shorter list, with the score of its neighbour; its item's own factor does not count.
    An override's id stands with the items that it pins, boosts or buries.
    """
    pins = [] if k < 1 else _served(live, eligible, k)
    rows = _kept(slate.items, live, eligible, {item for _, item, _ in pins})
    scores = _normalised(slate.scores[rows])  # (kept,) float64
    items = slate.items[rows].tolist()
    factors = _factors(items, live)
    order = np.argsort(-scores * factors, kind="stable")
    moved = (scores * factors).tolist()
    ranked = [
        (items[at], moved[at], slate.sources[rows[at]], _cause(live, items[at], slate, rows[at]))
        for at in order[: max(k, 1)].tolist()
    ]
    return _joined(ranked, pins, k)


def unserved(live: Live, eligible: BoolArray, k: int) -> tuple[Unserved, ...]:
    """The live overrides that change nothing in a list of ``k``, and why."""
    served = {override for _, _, override in _served(live, eligible, k)}
    late = [
        Unserved(override, BEYOND_LIST if slot > k else INELIGIBLE)
        for slot, (_, override) in sorted(live.pins.items())
        if override not in served
    ]
    return (*live.unserved, *late)


_Row = tuple[int, float, str, str | None]  # item, score, source, override


def _served(live: Live, eligible: BoolArray, k: int) -> list[tuple[int, int, str]]:
    """Pins that can stand in the list, by slot."""
    return [
        (slot, item, override)
        for slot, (item, override) in sorted(live.pins.items())
        if slot <= k and _may(item, live, eligible)
    ]


def _may(item: int, live: Live, eligible: BoolArray) -> bool:
    return 0 <= item < len(eligible) and bool(eligible[item]) and item not in live.excluded


def _kept(items: IntArray, live: Live, eligible: BoolArray, pinned: set[int]) -> list[int]:
    """Rows of the slate that may stay, each item once."""
    inside = (items >= 0) & (items < len(eligible))
    inside[inside] = eligible[items[inside]]
    gone = pinned | live.excluded  # grows by what is kept, so that an item stands once
    rows = []
    for row, (item, fine) in enumerate(zip(items.tolist(), inside.tolist(), strict=True)):
        if fine and item not in gone:
            gone.add(item)
            rows.append(row)
    return rows


def _factors(items: list[int], live: Live) -> NDArray[np.float64]:
    """(items,) 1 where no override says otherwise."""
    factors = np.ones(len(items))
    if live.factors.keys() & set(items):
        for at, item in enumerate(items):
            factors[at] = live.factors.get(item, (1.0, ""))[0]
    return factors


def _normalised(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scores from FLOOR to 1; all 1 where they are equal. What is not a finite score counts as the lowest."""
    values = scores.astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return np.ones(len(values))
    low, high = values[finite].min(), values[finite].max()
    values = np.where(finite, values, low)
    return np.ones(len(values)) if high == low else FLOOR + (1 - FLOOR) * (values - low) / (high - low)


def _cause(live: Live, item: int, slate: Slate, row: int) -> str | None:
    factor = live.factors.get(item)
    return slate.overrides[row] if factor is None else factor[1]


def _joined(ranked: list[_Row], pins: list[tuple[int, int, str]], k: int) -> Slate:
    """The ranked rows with the pins between them, at most ``k``."""
    waiting, rows = list(pins), iter(ranked)
    out: list[_Row] = []
    last = ranked[0][1] if ranked else 1.0
    while len(out) < k:
        if waiting and waiting[0][0] <= len(out) + 1:
            _, item, override = waiting.pop(0)
            out.append((item, last, PIN, override))
        elif row := next(rows, None):
            out.append(row)
            last = row[1]
        elif waiting:
            waiting[0] = (0, *waiting[0][1:])
        else:
            break
    return Slate(
        np.array([row[0] for row in out], np.int32),
        np.array([row[1] for row in out], np.float32),
        tuple(row[2] for row in out),
        tuple(row[3] for row in out),
    )
