"""Segments of queries and of items, named ``kind=value``: few, large enough to say something, the largest first."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.catalogue import Catalogue
from recsys.evaluate.evaluation import FEWEST, SEGMENT
from recsys.types import BoolArray, IntArray, Query

USER_VALUES = 12  # of a profile column
ITEM_VALUES = 6  # of a field of the catalogue
ITEM_FIELDS = ("media_type", "language", "provider")
_HISTORY = {"0": 0, "1-4": 1, "5-19": 5, "20+": 20}  # the shortest history of each band
_AGES = {"0-17": 0, "18-24": 18, "25-34": 25, "35-44": 35, "45-54": 45, "55+": 55}


def query_segments(queries: Sequence[Query]) -> dict[str, BoolArray]:
    """Segments by length of history, and by each profile column of few values; ages and lengths are in bands."""
    lengths = np.fromiter((len(query) for query in queries), np.int64, len(queries))
    found = _members("history", np.array([_band(length, _HISTORY) for length in lengths.tolist()], np.str_), _HISTORY)
    columns: dict[str, dict[int, str]] = {}  # column -> query -> value
    for place, query in enumerate(queries):
        for name, value in query.profile.items():
            if value:
                columns.setdefault(name, {})[place] = value
    for name, values in sorted(columns.items()):
        found |= _column(name, values, len(queries))
    return found


def item_segments(catalogue: Catalogue, items: IntArray, owner: IntArray) -> dict[str, BoolArray]:
    """(items,) members of each segment of ITEM_FIELDS; ``items`` are those in the truth of the queries ``owner``."""
    found: dict[str, BoolArray] = {}
    for name in ITEM_FIELDS:
        value = np.array([given or "" for given in catalogue.column(name)], np.str_)  # (items,)
        pairs = set(zip(owner.tolist(), value[items].tolist(), strict=True))
        top = _top(Counter(given for _, given in pairs if given), ITEM_VALUES)
        found |= _members(name, value, top)
    return found


def _column(name: str, values: Mapping[int, str], n: int) -> dict[str, BoolArray]:
    """Segments of one profile column; none where its frequent values cover less than half of who has it."""
    told = values
    if name == "age":
        told = {place: _age(value) for place, value in values.items()}
    count = Counter(told.values())
    top = _top(count, USER_VALUES)
    if 2 * sum(count[value] for value in top) < len(told):
        return {}
    value = np.full(n, "", object)
    value[list(told)] = list(told.values())
    return _members(name, value.astype(np.str_), top)


def _top(count: Counter[str], most: int) -> list[str]:
    """The most frequent values that are frequent enough, at most so many; none where there is only one."""
    ranked = sorted(count, key=lambda value: (-count[value], value))
    top = [value for value in ranked[:most] if count[value] >= FEWEST]
    return top if len(top) > 1 else []


def _members(kind: str, value: NDArray[np.str_], wanted: Mapping[str, int] | Sequence[str]) -> dict[str, BoolArray]:
    return {f"{kind}{SEGMENT}{one}": np.asarray(value == one) for one in wanted}


def _age(value: str) -> str:
    """The band of an age in years; what is no number, or a band already, stays what it is."""
    try:
        return _band(float(value), _AGES)
    except ValueError:
        return value


def _band(number: float, bands: dict[str, int]) -> str:
    """The last band that begins at or below the number."""
    return next((name for name, begin in reversed(bands.items()) if number >= begin), "")
