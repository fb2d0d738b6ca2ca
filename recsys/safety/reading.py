"""A catalogue as it was read, with what follows from all of it at once."""

from dataclasses import dataclass

import numpy as np

from recsys.safety.bench import oldest, told_apart
from recsys.safety.columns import Columns
from recsys.safety.policy import Policy
from recsys.safety.ratings import systems
from recsys.safety.variants import Variants
from recsys.types import TimeArray

NO_TURNS: TimeArray = np.zeros(0, np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Columns, and what the gate needs to know of them before anybody looks."""

    columns: Columns
    starts: TimeArray  # (items,) s UTC: when window and embargo both let an item through
    turns: TimeArray  # sorted: the moments when a mask may change everywhere
    oldest: int  # the highest minimum age: whoever is older sees the same
    named: frozenset[str] | None  # territories that make a difference; None = each may
    restricted: bool  # some item has rights beside its record

    @classmethod
    def of(
        cls, read: Columns, rows: Columns, policy: Policy, packs: Variants, turns: TimeArray = NO_TURNS
    ) -> "Reading":
        """What follows of ``read``, of which ``rows`` are new and ``turns`` were known before."""
        restricted = any(right is not None for right in read.right_sets)
        return cls(
            columns=read,
            starts=np.maximum(read.opens, read.lifts),
            turns=_merged(turns, _turns(rows)),
            oldest=oldest(packs.anywhere, read, systems()),
            named=None if restricted else told_apart(policy, packs.named, read, systems()),
            restricted=restricted,
        )

    def __len__(self) -> int:
        return len(self.columns)


def _turns(read: Columns) -> TimeArray:
    expiries = np.array([mark.expires for marks in read.mark_sets for mark in marks], np.float64)
    moments = np.concatenate([read.opens, read.closes, read.lifts, expiries])
    return np.unique(moments[np.isfinite(moments)])


def _merged(turns: TimeArray, more: TimeArray) -> TimeArray:
    """Sorted moments with others put between them; the copy is linear in their number."""
    place = np.searchsorted(turns, more)
    known = np.append(turns, np.inf)[place] == more  # moments are finite
    return turns if known.all() else np.insert(turns, place[~known], more[~known])
