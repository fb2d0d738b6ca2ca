"""Overrides on a list: who stands in which position, by the order of precedence, and never what may not be shown."""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.overrides.actions import MAX_FACTOR
from recsys.overrides.board import NO_GROUPS, Board, Level, Room, Spot
from recsys.overrides.live import Live, Page
from recsys.overrides.plan import Claim
from recsys.overrides.prominence import RAISED, keep_all
from recsys.overrides.quotas import Kept
from recsys.overrides.ranking import BOOST, Candidates, More, Nothing, candidates
from recsys.overrides.reasons import BEYOND_LIST, CREATOR_CAP, FULL, INELIGIBLE, POOL_SHORT, SHOWN_ALREADY, Unserved
from recsys.types import BoolArray, Slate

PIN, FILL, ROW = "pin", "fill", "row"  # sources of what claims give
GUARANTEE = "guarantee"  # the source of an item that a guarantee raised
_MODEL = Level.MODEL  # an enum is looked up slowly
PLACED = frozenset({PIN, FILL, ROW, GUARANTEE, RAISED})  # sources of what no model put where it is


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A list under the overrides, and what they did not reach."""

    slate: Slate
    live: Live
    late: tuple[Unserved, ...]  # what this list had no place for
    full: tuple[int, ...]  # places in plan.promises of guarantees for which no position was left
    given: Mapping[int, int]  # positions of each campaign
    beyond: tuple[str, ...]  # overrides whose slots lie behind the list
    quotas: tuple[Kept, ...]

    @property
    def unserved(self) -> tuple[Unserved, ...]:
        """The live overrides that change nothing in this list, or not all that they would, and why."""
        beyond = (Unserved(override, BEYOND_LIST) for override in self.beyond)
        return (*self.live.unserved, *beyond, *self.late, *self._crowded_out())

    def _crowded_out(self) -> Iterator[Unserved]:
        if self.live.plan is None:
            return
        promises = self.live.plan.promises
        for at in self.full:
            if not self.given.get(int(promises.campaigns[at]), 0):
                yield Unserved(promises.ids[at], FULL)


def place(slate: Slate, live: Live, eligible: BoolArray, room: Room, more: More | None = None) -> Placed:
    """The first ``k`` of a slate under the overrides and quotas that hold.

    ``eligible`` is (items,): what the gate, the user's controls and the filters leave; every item of the answer is of
    it, whatever the overrides say. From strongest to weakest: excludes, quotas, slots (pins, fills, rows), guarantees,
    boosts and buries, the slate's order. Where two slots or items meet, the campaigns' total order decides. What an
    editor put stands with the score of its neighbour; in a list shorter than its slot it stands behind the last item.
    """
    if room.k < 1:
        return Placed(Slate(NO_GROUPS, np.zeros(0, np.float32), (), ()), live, (), (), {}, (), ())
    excluded = live.resolved.excluded
    excluded = excluded[excluded < len(eligible)]
    if eligible[excluded].any():  # else they are left out already, and there is nothing to copy
        eligible = eligible.copy()
        eligible[excluded] = False
    source, page = more or Nothing(), live.resolved.page(room.offset, room.k)
    found = candidates(slate, live, eligible, room, source)
    board = Board(live, eligible, room)
    _claim(board, page, found)
    rest = _Ranking(board, slate, found).fill()
    full = _guarantee(board, found)
    kept = keep_all(board, rest, source)
    return Placed(board.slate(), live, tuple(board.late), full, board.given, page.beyond, kept)


def rows(overrides: Iterable[str | None], sources: Iterable[str]) -> list[tuple[str, int, int]]:
    """The rows that a shown list holds: override id, first position from 1, size."""
    found: list[tuple[str, int, int]] = []
    for slot, (override, source) in enumerate(zip(overrides, sources, strict=True), 1):
        if source != ROW or override is None:
            continue
        name, start, size = found[-1] if found else ("", 0, 0)
        if name == override and start + size == slot:
            found[-1] = (name, start, size + 1)
        else:
            found.append((override, slot, 1))
    return found


def _claim(board: Board, page: Page, found: Candidates) -> None:
    """Pins, fills and rows into their slots, in the total order."""
    for claim in page.claims:
        pool: Sequence[int] = claim.items
        if claim.kind != PIN:
            worth = found.worth
            pool = sorted([item for item in pool if item in worth], key=worth.__getitem__, reverse=True)
        if (reason := _claimed(board, claim, pool)) is not None:
            board.miss(claim.id, reason)


def _claimed(board: Board, claim: Claim, pool: Sequence[int]) -> str | None:
    """Put a claim's items; why not all of its slots were filled, None if they were."""
    waiting, fits = iter(pool), board.fits
    first = board.room.index(claim.slot)
    for at in range(max(first, 0), first + claim.size):
        if at >= board.room.k:
            return BEYOND_LIST
        if (reason := board.refusal(claim.campaign, at)) is not None:
            return reason
        for item in waiting:
            if fits(item):
                break
        else:
            return POOL_SHORT if claim.kind != PIN else CREATOR_CAP if board.may_show(pool[0]) else INELIGIBLE
        board.put(at, Spot(item, np.nan, claim.kind, claim.id, Level.SLOT, claim.campaign))
    return None


def _guarantee(board: Board, found: Candidates) -> tuple[int, ...]:
    """One item of each campaign that is behind its plan, in the lowest positions of those that the ranking gave.

    The places in ``plan.promises`` of those for whom no position was left.
    """
    live, plan = board.live, board.live.plan
    if plan is None or not live.due:
        return ()
    free = [at for at, spot in enumerate(board.spots) if spot is None]
    ranked = [at for at, spot in enumerate(board.spots) if spot is not None and spot.level is Level.MODEL]
    positions = [*reversed(free), *ranked]  # the next one last
    for turn, place in enumerate(live.due):
        campaign = int(plan.promises.campaigns[place])
        if board.given[campaign]:
            continue
        if not positions:
            return live.due[turn:]
        at, items = positions[-1], plan.promises.items[place]
        reason = board.refusal(campaign, at)
        best = None if reason else _best_fitting(board, items, at, found)
        if best is not None:
            board.put(positions.pop(), Spot(best, np.nan, GUARANTEE, items[best], Level.GUARANTEE, campaign))
        else:
            board.miss(plan.campaigns[campaign].id, reason or _unfit(board, items))
    return ()


def _best_fitting(board: Board, items: Iterable[int], at: int, found: Candidates) -> int | None:
    """The item that is worth most of those that may stand at ``at``; nearly always the best of all may."""

    def worth(item: int) -> float:
        return found.worth.get(item, 0.0)

    best = max(items, key=worth, default=None)
    if best is None or board.fits(best, instead_of=at):
        return best
    return max((item for item in items if board.fits(item, instead_of=at)), key=worth, default=None)


def _unfit(board: Board, items: Iterable[int]) -> str:
    """Why none of a guarantee's items found a position that was free for it."""
    shown = [item for item in items if board.may_show(item)]
    if not shown:
        return INELIGIBLE
    return SHOWN_ALREADY if all(item in board.used for item in shown) else CREATOR_CAP


class _Ranking:
    """The candidates on their way into the positions that claims have left."""

    def __init__(self, board: Board, slate: Slate, found: Candidates) -> None:
        self._board, self._slate, self._found = board, slate, found
        self._dropped: dict[int, set[int]] = {}  # candidate → boosts whose campaigns may not have the position

    def fill(self) -> list[int]:
        """Best first into the free positions; the items that found none, best first.

        A boost beyond its campaign's ceilings does not count: its item goes back to where it stands without it.
        """
        board, found = self._board, self._found
        items, factors, queue, free = found.items, found.factors, found.order, board.room.limit is None
        done = 0
        for at, spot in enumerate(board.spots):
            while spot is None and done < len(queue):
                row = queue[done]
                done += 1
                # all candidates may be shown
                if items[row] in board.used or not (free or board.fits(items[row])):
                    continue
                if factors[row] < 0 or (over := self._over(row, at)) is None:
                    spot = self._spot(row)
                    board.take(at, spot)
                else:
                    self._dropped.setdefault(row, set()).add(over)
                    found.scores[row] = float(found.plain[row]) * self._factor(row)
                    insort(queue, row, done, key=self._place)
        return [items[row] for row in queue[done:]]

    def _place(self, row: int) -> tuple[float, int]:
        return -self._found.scores[row], row

    def _parts(self, row: int) -> list[int]:
        """The boosts and buries that count for a candidate, first in the order first."""
        place = self._found.factors[row]
        gone = self._dropped.get(row, ())
        return [part for part in self._board.live.resolved.parts(place) if part not in gone]

    def _over(self, row: int, at: int) -> int | None:
        """A boost of a candidate with a factor whose campaign may not have this position."""
        factors = self._board.live.resolved.rows
        if factors is None:
            return None
        boosts = (part for part in self._parts(row) if factors.boosts[part])
        return next((p for p in boosts if self._board.refusal(int(factors.campaigns[p]), at) is not None), None)

    def _factor(self, row: int) -> float:
        factors = self._board.live.resolved.rows
        product = float(np.prod(factors.values[self._parts(row)])) if factors is not None else 1.0
        return min(max(product, 1 / MAX_FACTOR), MAX_FACTOR)

    def _spot(self, row: int) -> Spot:
        """A position that the ranking gave, with the id of the first boost or bury that counts for it."""
        found, slate = self._found, self._slate
        source, override, score = BOOST, None, found.scores[row]
        if row < len(found.rows):
            source, override = slate.sources[found.rows[row]], slate.overrides[found.rows[row]]
        if found.factors[row] < 0:
            return Spot(found.items[row], score, source, override, _MODEL, -1)
        parts, factors, campaign = self._parts(row), self._board.live.resolved.rows, -1
        if parts and factors is not None:
            override = factors.ids[parts[0]]
            campaign = int(factors.campaigns[parts[0]]) if factors.boosts[parts[0]] else -1
        return Spot(found.items[row], score, source, override, _MODEL, campaign)
