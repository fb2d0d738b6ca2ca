"""The best few of many rows of scores at once, without Python for each row: what makes an evaluation fast."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.retrieval.select import at_least, best
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

TOGETHER = 8  # rows; fewer are done one by one, which is faster
_COLUMNS = 256  # rows are folded to at least this many columns; their maxima bound the n-th best from below
_ROOM = 64  # candidates, or four times n: a row with more (ties all over) is done by itself

Exact = Callable[[IntArray | int, IntArray], FloatArray]  # rows, aligned columns -> the scores returned, no -0.0


def ranked_rows(block: FloatArray, ids: IntArray, n: int, slack: FloatArray, exact: Exact, source: str) -> list[Ranked]:
    """The ``n`` best columns of each row of ``block`` (rows, columns) by their ``exact`` scores, as the items ``ids``.

    ``block`` may be off by half of ``slack`` (rows,): whatever it puts within ``slack`` of the n-th place is scored by
    ``exact``. Ties go to the lower column. What is not finite is never found.
    """
    lists: list[Ranked | None] = [None] * len(block)
    if len(block) >= TOGETHER and block.size:
        lists = _together(block, ids, n, slack, exact, source)
    for row, found in enumerate(lists):
        if found is None:
            near = at_least(block[row], n, float(slack[row]))
            lists[row] = Ranked(*best(exact(row, near), ids[near], n), source)
    return [found for found in lists if found is not None]


def hide(block: FloatArray, ids: IntArray, hidden: Sequence[IntArray]) -> None:
    """Put -inf where a row of ``block`` must not look; its columns are the ascending ``ids``."""
    sizes = [len(items) for items in hidden]
    if not any(sizes) or len(ids) == 0:
        return
    row = np.repeat(np.arange(len(hidden)), sizes)
    items = np.concatenate(hidden)
    column = np.minimum(items if ids[-1] == len(ids) - 1 else np.searchsorted(ids, items), len(ids) - 1)
    there = ids[column] == items
    block[row[there], column[there]] = -np.inf


def _together(
    block: FloatArray, ids: IntArray, n: int, slack: FloatArray, exact: Exact, source: str
) -> list[Ranked | None]:
    """The lists of all rows at once; None for a row with abstentions or ties all over."""
    row, column, sound = _candidates(block, n, slack)
    sound &= np.bincount(row, minlength=len(block)) <= max(_ROOM, 4 * n)
    row, column = row[sound[row]], column[sound[row]]
    row, column, scores = _ordered(row, column, exact(row, column), block.shape[1])
    items = ids[column]
    begin = np.searchsorted(row, np.arange(len(block) + 1))
    end = np.minimum(begin[:-1] + n, begin[1:])
    return [
        Ranked(items[a:b], scores[a:b], source) if whole else None
        for a, b, whole in zip(begin.tolist(), end.tolist(), sound.tolist(), strict=False)
    ]


def _ordered(row: IntArray, column: IntArray, scores: FloatArray, width: int) -> tuple[IntArray, IntArray, FloatArray]:
    """The finite ones by row, then falling score, then column.

    Packed into one number each, which sorts four times faster than three keys: a block has room for that, as its rows
    times its columns are far below 2**32.
    """
    keep = np.isfinite(scores)
    low = np.uint64(int(width).bit_length())
    high = low + np.uint64(32)
    key = row[keep].astype(np.uint64) << high
    key |= _falling(scores[keep].view(np.uint32)).astype(np.uint64) << low
    key |= column[keep].astype(np.uint64)
    key.sort()
    found = _falling(((key >> low) & np.uint64(0xFFFFFFFF)).astype(np.uint32)).view(np.float32)
    last = (np.uint64(1) << low) - np.uint64(1)
    return (key >> high).astype(np.int32), (key & last).astype(np.int32), found


def _falling(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The bits of float32 numbers as integers that fall while the numbers rise, and back."""
    return np.where(bits >> np.uint32(31), bits, ~bits & np.uint32(0x7FFFFFFF))


def _candidates(block: FloatArray, n: int, slack: FloatArray) -> tuple[IntArray, IntArray, BoolArray]:
    """Rows and columns of all scores that may be among the ``n`` best, and the rows (rows,) this holds for.

    The ``n``-th largest of the column maxima of a folded row is not above its ``n``-th best score, so only columns
    whose maximum reaches it are looked into.
    """
    width = block.shape[1]
    columns = min(max(_COLUMNS, 16 * n), width)
    whole = width // columns * columns
    folded = block[:, :whole].reshape(len(block), -1, columns)  # (rows, folds, columns)
    highest, rest = folded.max(axis=1), block[:, whole:]
    reach, sound = _reach(np.concatenate([highest, rest], axis=1), n, slack)
    row, column = np.nonzero(highest >= reach[:, None])
    near, fold = np.nonzero(folded[row, :, column] >= reach[row, None])
    late, end = np.nonzero(rest >= reach[:, None])
    rows = np.concatenate([row[near], late]).astype(np.int32)
    return rows, np.concatenate([fold * columns + column[near], whole + end]).astype(np.int32), sound


def _reach(highest: FloatArray, n: int, slack: FloatArray) -> tuple[FloatArray, BoolArray]:
    """(rows,) what a candidate must reach, +inf where there is no such score, and whether there is one."""
    width = highest.shape[1]
    if not 0 < n <= width:
        return np.full(len(highest), np.inf, np.float32), np.zeros(len(highest), np.bool_)
    ranked = np.partition(highest, sorted({width - n, width - 1}), axis=1)
    reach = ranked[:, width - n] - slack
    sound = np.isfinite(reach) & np.isfinite(ranked[:, -1])  # NaN is ranked last
    return np.where(sound, reach, np.float32(np.inf)), sound
