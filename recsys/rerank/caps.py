"""At most so many items of one creator in a list, enforced after the overrides."""

import numpy as np

from recsys.dataset.catalogue import Catalogue
from recsys.types import IntArray, Slate


def creators(catalogue: Catalogue) -> IntArray:
    """The first author of each item as a number, -1 where none is known: (items,)."""
    numbers: dict[str, int] = {}
    first = [authors[0] if authors else "" for authors in catalogue.lists("authors")]
    names = [(name or "").strip().casefold() for name in first]  # a list may hold nulls
    return np.array([numbers.setdefault(name, len(numbers)) if name else -1 for name in names], np.int32)


def cap(slate: Slate, groups: IntArray, limit: int | None, k: int) -> Slate:
    """The first ``k`` of a slate with at most ``limit`` items of a group; the surplus goes, pins too.

    ``groups`` is (items,), such as ``creators`` gives; -1 is nobody's group, and so is an item behind its end.
    ``limit`` None is no cap. The order stays, and positions behind a dropped item move up.
    """
    counts: dict[int, int] = {}
    rows: list[int] = []
    for row, item in enumerate(slate.items.tolist()):
        if len(rows) >= k:
            break
        group = int(groups[item]) if 0 <= item < len(groups) else -1
        if limit is None or group < 0 or counts.get(group, 0) < limit:
            counts[group] = counts.get(group, 0) + 1
            rows.append(row)
    return Slate(
        slate.items[rows],
        slate.scores[rows],
        tuple(slate.sources[row] for row in rows),
        tuple(slate.overrides[row] for row in rows),
    )
