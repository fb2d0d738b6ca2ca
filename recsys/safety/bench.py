"""One class of viewers before the gate: what was worked out for them, without time in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recsys.safety.columns import Columns, Kind, Rated, Territories
from recsys.safety.judge import Pool, Ruling, rate, rule_on, verdict_of
from recsys.safety.marks import ALWAYS, Marks, live
from recsys.safety.policy import Policy
from recsys.safety.ratings import Systems
from recsys.safety.stance import Stance
from recsys.safety.verdict import Verdict
from recsys.types import BoolArray

UNKNOWN = -1  # a kind that nobody has asked for yet
MOST = 200_000  # rulings that are remembered for a class of viewers
Rating = tuple[Verdict, str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Chair:
    """One pack and how it sees the viewer. Rulings are remembered by the labels that hold."""

    policy: Policy
    view: Stance
    systems: Systems
    _rulings: dict[Marks, Ruling]
    _ratings: dict[Rated, Rating] = field(default_factory=dict)

    def ruling(self, marks: Marks, now: float) -> Ruling:
        """The ruling on a set of labels at ``now`` (s UTC)."""
        held = live(marks, now, self.view.territory)
        found = self._rulings.get(held)
        if found is None:
            if len(self._rulings) >= MOST:
                self._rulings.clear()
            found = self._rulings[held] = rule_on(self.policy, held, self.view)
        return found

    def rating(self, rated: Rated) -> Rating:
        """The verdict on ratings, its reason and the minimum age that they make."""
        found = self._ratings.get(rated)
        if found is None:
            found = self._ratings[rated] = rate(self.policy, rated, self.view, self.systems)
        return found

    def sold(self, where: Territories) -> bool:
        """Whether the viewer's territory is one of those."""
        return where is None or self.view.territory in where


class Bench:
    """The chairs that judge for one class of viewers over one catalogue. Safe to share between threads.

    ``codes`` answers for single items, filled as they are asked for; ``fits`` for all, for a mask. The two share the
    rulings on sets of labels and nothing else.
    """

    def __init__(self, chairs: Sequence[Chair], read: Columns) -> None:
        self.chairs = tuple(chairs)
        self.view = chairs[0].view
        self.limit = int(min(chair.view.limit for chair in chairs))
        self.closed = next((chair.view.closed for chair in chairs if chair.view.closed), "")
        self._read = read
        self._codes = np.full(len(read.kinds), UNKNOWN, np.int8)
        self._withheld = np.zeros(len(read.kinds), np.uint8)

    def codes(self, kinds: NDArray[np.int32], now: float) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        """(n,) verdicts on items of these kinds, but for windows and orders, and the parts that are withheld."""
        codes, withheld = self._codes[kinds], self._withheld[kinds]
        if codes.min(initial=0) < 0:
            for place in np.flatnonzero(codes < 0).tolist():
                codes[place], withheld[place] = self._judged(int(kinds[place]), now)
        return codes, withheld

    def _judged(self, at: int, now: float) -> tuple[int, int]:
        kind = self._read.kinds[at]
        marks = self._read.mark_sets[kind.marks]
        code, bits = self.verdict(kind, now)
        if all(mark.expires == ALWAYS for mark in marks):  # else it is judged anew each time
            self._withheld[at] = bits
            self._codes[at] = code
        return int(code), bits

    def verdict(self, kind: Kind, now: float) -> tuple[Verdict, int]:
        """The verdict on one kind of item, the strictest of all chairs, and the parts that are withheld."""
        read, code, bits = self._read, Verdict.ALLOW, 0
        for chair in self.chairs:
            ruling = chair.ruling(read.mark_sets[kind.marks], now)
            rating = chair.rating(read.rated_sets[kind.rated])
            sold = chair.sold(read.territory_sets[kind.territories])
            code = max(code, verdict_of(kind, ruling, rating, sold, chair.view))
            bits |= ruling.withheld
        return code, bits

    def fits(self, now: float, pool: Pool) -> BoolArray:
        """(items,) what is shown, or of that a pool, but for windows and orders."""
        read = self._read
        # the sets may grow meanwhile, by items of gates to come
        mark_sets, rated_sets, places = list(read.mark_sets), list(read.rated_sets), list(read.territory_sets)
        mask = read.sound.copy()
        codes, inside = np.zeros(len(mark_sets), np.int8), np.ones(len(mark_sets), np.bool_)
        rated = np.zeros(len(rated_sets), np.int8)
        for chair in self.chairs:
            rulings = [chair.ruling(marks, now) for marks in mark_sets]
            ratings = [chair.rating(one) for one in rated_sets]
            codes = np.maximum(codes, np.array([ruling.verdict for ruling in rulings], np.int8))
            if pool is not Pool.SHOWN:
                inside &= np.array([getattr(ruling, pool.value) for ruling in rulings], np.bool_)
            rated = np.maximum(rated, np.array([rating[0] for rating in ratings], np.int8))
            age = chair.view.age
            mask &= np.array([ruling.min_age <= age for ruling in rulings], np.bool_)[read.mark_set]
            mask &= np.array([rating[2] <= age for rating in ratings], np.bool_)[read.rated_set]
            mask &= np.array([chair.sold(where) for where in places], np.bool_)[read.territory_set]
            mask &= read.min_age <= age
        limit = self.limit if pool is Pool.SHOWN else Verdict.ALLOW
        mask &= ((codes <= limit) & inside)[read.mark_set]
        mask &= (rated <= limit)[read.rated_set]
        return np.asarray(mask, np.bool_)


def oldest(packs: Sequence[Policy], read: Columns, systems: Systems) -> int:
    """The highest minimum age that there is: whoever is older sees the same."""
    ages = [int(read.min_age.max(initial=0))]
    for pack in packs:
        ages += [rule.min_age or 0 for rule in pack.rules]
        meanings = (meaning for label in pack.labels.values() for meaning in (label, *label.bands))
        ages += [meaning.min_age or 0 for meaning in meanings]
    ratings = {value for rated in read.rated_sets for value in rated.ratings}
    ages += [one.age for value in ratings if (one := systems.read(value)) is not None]
    return max(ages)


def told_apart(policy: Policy, named: Mapping[str, object], read: Columns, systems: Systems) -> frozenset[str]:
    """The territories that make a difference to some item; viewers in all others share what is worked out."""
    found = set(named)
    found.update(*(where or () for where in read.territory_sets))
    found.update(mark.territory for marks in read.mark_sets for mark in marks if mark.territory)
    ratings = {value for rated in read.rated_sets for value in rated.ratings}
    found |= systems.territories(one for value in ratings if (one := systems.read(value)) is not None)
    if policy.minors.curfew is not None:
        found.update(policy.minors.zones)
    return frozenset(found)
