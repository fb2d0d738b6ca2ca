"""At most so many items of one creator or topic in a list, enforced after the overrides."""

from collections.abc import Iterable, Sequence

import numpy as np

from recsys.dataset.catalogue import Catalogue
from recsys.types import IntArray, Slate

Cap = tuple[IntArray, int]  # the group of each item, how many of one group are allowed


def creators(catalogue: Catalogue) -> IntArray:
    """The first author of each item as a number, -1 where none is known: (items,)."""
    return firsts(catalogue.lists("authors"))


def firsts(lists: Iterable[Sequence[str | None] | None]) -> IntArray:
    """The first value of each list as a number, compared without case; -1 where there is none: (lists,)."""
    numbers: dict[str, int] = {}
    names = [(values[0] or "").strip().casefold() if values else "" for values in lists]  # a list may hold nulls
    return np.array([numbers.setdefault(name, len(numbers)) if name else -1 for name in names], np.int32)


def cap(slate: Slate, groups: IntArray, limit: int | None, k: int) -> Slate:
    """The first ``k`` of a slate with at most ``limit`` items of a group; ``limit`` None is no cap."""
    return cap_all(slate, [] if limit is None else [(groups, limit)], k)


def cap_all(slate: Slate, caps: Sequence[Cap], k: int) -> Slate:
    """The first ``k`` of a slate with at most so many items of a group by every cap; the surplus goes, pins too.

    Groups are (items,), such as ``creators`` gives; -1 is nobody's group, and so is an item behind their end. The
    order stays, and positions behind a dropped item move up.
    """
    if not caps:
        return slate if len(slate) <= k else _rows(slate, slice(k))
    groups = [_groups(of, slate.items) for of, _ in caps]
    counts: list[dict[int, int]] = [{} for _ in caps]
    rows: list[int] = []
    for row, own in enumerate(zip(*groups, strict=True)):
        if len(rows) >= k:
            break
        places = list(zip(own, counts, caps, strict=True))
        if all(group < 0 or taken.get(group, 0) < most for group, taken, (_, most) in places):
            rows.append(row)
            for group, taken, _ in places:
                taken[group] = taken.get(group, 0) + 1
    if len(rows) == len(slate):
        return slate
    return Slate(
        slate.items[rows],
        slate.scores[rows],
        tuple(slate.sources[row] for row in rows),
        tuple(slate.overrides[row] for row in rows),
    )


def crowded(items: IntArray, caps: Sequence[Cap], n: int) -> IntArray:
    """Sorted: of ``n`` items those of groups that have all their places in a list of ``items``, but for these."""
    if not caps:
        return np.zeros(0, np.int32)
    over = np.zeros(n, np.bool_)
    for groups, most in caps:
        found, counts = np.unique(groups[items], return_counts=True)
        over |= np.isin(groups, found[(counts >= most) & (found >= 0)])
    return np.setdiff1d(np.flatnonzero(over), items).astype(np.int32)


def _rows(slate: Slate, part: slice) -> Slate:
    return Slate(slate.items[part], slate.scores[part], slate.sources[part], slate.overrides[part])


def _groups(of: IntArray, items: IntArray) -> list[int]:
    """The group of each item; -1 behind the end of ``of``."""
    if not len(of):
        return [-1] * len(items)
    inside = (items >= 0) & (items < len(of))
    found: list[int] = np.where(inside, of[np.where(inside, items, 0)], -1).tolist()
    return found
