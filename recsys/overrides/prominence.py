"""Prominence quotas on a list: enough matching works, in place of what stands weakest."""

from collections.abc import Iterator, Sequence

import numpy as np

from recsys.overrides.board import Board, Level, Spot
from recsys.overrides.quotas import HELD, POOL, Kept, Matching
from recsys.overrides.ranking import More
from recsys.types import BoolArray

RAISED = "quota"  # the source of an item that a quota raised


def keep_all(board: Board, rest: Sequence[int], more: More) -> tuple[Kept, ...]:
    """Meet the quotas of the room one after another; what came of each, counted once all are done."""
    reasons = [_keep(board, number, rest, more) for number in range(len(board.room.quotas))]
    return tuple(
        Kept(one.quota.id, one.quota.wanted(len(board)), _count(board, one), reason)
        for one, reason in zip(board.room.quotas, reasons, strict=True)
    )


def _keep(board: Board, number: int, rest: Sequence[int], more: More) -> str | None:
    """Raise matching items until a quota of the room is met; why it was not.

    They come from ``rest``, the candidates without a position, and then from the whole pool that may be shown. They
    take the lowest positions of the ranking, then of guarantees, then of slots; never what an earlier quota needs.
    """
    one = board.room.quotas[number]
    wanted = one.quota.wanted(len(board))
    got, reason = _count(board, one), None
    for item in _offers(board, one, rest, more, wanted - got):
        if got >= wanted:
            break
        at = _weakest(board, number, item)
        if at is None:
            reason = HELD
        else:
            board.put(at, Spot(item, np.nan, RAISED, one.quota.id, Level.QUOTA, -1))
            got += 1
    return None if got >= wanted else reason or POOL


def _count(board: Board, one: Matching) -> int:
    return sum(_matches(one, spot.item) for spot in board.spots if spot is not None)


def _matches(one: Matching, item: int) -> bool:
    return item < len(one.items) and bool(one.items[item])


def _offers(board: Board, one: Matching, rest: Sequence[int], more: More, n: int) -> Iterator[int]:
    """Matching items that are not in the list, best first; the pool is asked only where the candidates do not do."""
    if n <= 0:
        return
    for item in rest:
        if _matches(one, item) and item not in board.used and board.may_show(item):
            yield item
    among = board.eligible & _fitted(one.items, len(board.eligible))
    among[list(board.used)] = False
    if among.any():
        for item in more.best(among, n + board.room.k).items.tolist():
            if _matches(one, item) and item not in board.used and board.may_show(item):
                yield item


def _weakest(board: Board, number: int, item: int) -> int | None:
    """The slot index that a raised item takes, None where there is none."""
    one, earlier = board.room.quotas[number], board.room.quotas[:number]
    bound = [quota for quota in earlier if not _matches(quota, item) and not _spare(board, quota)]
    for level in (Level.MODEL, Level.GUARANTEE, Level.SLOT, Level.QUOTA):
        for at in range(board.room.k - 1, -1, -1):
            spot = board.spots[at]
            if spot is None or spot.level is not level or _matches(one, spot.item):
                continue
            if not any(_matches(quota, spot.item) for quota in bound) and board.fits(item, instead_of=at):
                return at
    return None


def _spare(board: Board, one: Matching) -> bool:
    """Whether a quota has more than it wants."""
    return _count(board, one) > one.quota.wanted(len(board))


def _fitted(mask: BoolArray, size: int) -> BoolArray:
    """A mask of another length: items behind its end match nothing."""
    out = np.zeros(size, np.bool_)
    out[: len(mask)] = mask[:size]
    return out
