"""The few values that every floor passes to the next one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int32]
FloatArray = NDArray[np.float32]
TimeArray = NDArray[np.float64]  # seconds since 1970 UTC, NaN if unknown; float32 would lose minutes
BoolArray = NDArray[np.bool_]

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One request for a ranking: it carries the history, so that no model ever looks a user up.

    ``items``, ``times`` and ``weights`` are aligned, oldest event first.
    """

    items: IntArray  # (events,) dense item indices
    times: TimeArray  # (events,) s UTC, NaN if unknown
    weights: FloatArray  # (events,) > 0
    at: float  # s UTC: the moment the ranking is for, NaN if the log has no times
    profile: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    context: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def __len__(self) -> int:
        return len(self.items)

    def last(self, n: int) -> "Query":
        """The same query with only its ``n`` newest events."""
        if len(self.items) <= n:
            return self
        return Query(self.items[-n:], self.times[-n:], self.weights[-n:], self.at, self.profile, self.context)


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Items of one query, best first, and who proposed them."""

    items: IntArray  # (n,)
    scores: FloatArray  # (n,) non-increasing, finite
    source: str

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class Viewer:
    """What the gate needs to know of whoever looks. ``None`` means unknown, which never means allowed."""

    surface: str = "feed"
    territory: str | None = None  # ISO 3166-1 alpha-2, upper case
    age: int | None = None  # years
    personalised: bool = True
    device: str = ""
    locale: str = ""


def query(
    items: IntArray | None = None,
    times: TimeArray | None = None,
    weights: FloatArray | None = None,
    *,
    at: float = float("nan"),
    profile: Mapping[str, str] = NOTHING,
    context: Mapping[str, str] = NOTHING,
) -> Query:
    """A query with what is left out filled in: unknown times, unit weights."""
    dense = np.zeros(0, np.int32) if items is None else np.asarray(items, np.int32)
    when = np.full(len(dense), np.nan) if times is None else np.asarray(times, np.float64)
    weight = np.ones(len(dense), np.float32) if weights is None else np.asarray(weights, np.float32)
    return Query(dense, when, weight, at, profile, context)


@dataclass(frozen=True, slots=True, eq=False)
class Slate:
    """A list on its way to a screen: aligned columns, best first."""

    items: IntArray  # (n,)
    scores: FloatArray  # (n,) non-increasing
    sources: tuple[str, ...]  # (n,) who proposed each item: a model's name, "pin", "backfill"
    overrides: tuple[str | None, ...]  # (n,) the override that placed the item, None where the model did

    def __len__(self) -> int:
        return len(self.items)
