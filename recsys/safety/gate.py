"""The gate: a mask before ranking, a check on the final list. Neither ever adds an item."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from recsys.clock import Clock
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.ids import IdMap
from recsys.errors import ConfigError
from recsys.safety import columns as fields
from recsys.safety.columns import Columns
from recsys.safety.policy import Policy
from recsys.safety.recent import Recent
from recsys.safety.stance import Stance, judge_labels, stance
from recsys.safety.takedown import Takedown, Withheld, bites, withheld
from recsys.safety.verdict import AGE, EMBARGO, ERROR, TAKEDOWN, TERRITORY, WINDOW, WITHHELD, Verdict, Verdicts
from recsys.types import BoolArray, IntArray, TimeArray, Viewer

_MASK_BYTES = 64_000_000  # what the masks of one gate may take
_Key = tuple[str, str | None, int, bool, bool, int]
_Finding = tuple[Verdict, str]


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """What every viewer may see of one catalogue under one policy. Immutable and safe to share between threads.

    A change gives a new gate, which shares what did not change; masks live until the next window or embargo boundary.
    """

    policy: Policy
    clock: Clock
    _columns: Columns
    _ids: IdMap  # of the items the gate was compiled with
    _later: Mapping[str, tuple[int, ...]]  # of the items added since
    _withheld: Withheld
    _turns: TimeArray  # sorted: the moments when a mask may change
    _oldest: int = field(init=False)  # the highest minimum age: whoever is older sees the same
    _named: frozenset[str | None] = field(init=False)  # territories that make a difference
    _masks: Recent[_Key, BoolArray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        named = [*(where or () for where in self._columns.territory_sets), *self._withheld.values()]
        object.__setattr__(self, "_named", frozenset[str | None]().union(*named))
        object.__setattr__(self, "_oldest", int(self._columns.min_age.max(initial=0)))
        object.__setattr__(self, "_masks", Recent(max(16, _MASK_BYTES // max(1, len(self._columns)))))

    @classmethod
    def compile(cls, catalogue: Catalogue, policy: Policy, clock: Clock, takedowns: Iterable[Takedown] = ()) -> "Gate":
        """Read a catalogue once, under the complete list of active orders. DataError if an id is there twice."""
        read = fields.parse(catalogue, policy)
        return cls(policy, clock, read, catalogue.ids, {}, withheld(takedowns), _turns(read))

    @property
    def n_items(self) -> int:
        """How many items the gate knows; masks have this length."""
        return len(self._columns)

    def mask(self, viewer: Viewer) -> BoolArray:
        """Which items the viewer may see now: (items,), read-only, shared between callers."""
        return self._cached(viewer, cleared=False)

    def cleared(self, viewer: Viewer) -> BoolArray:
        """Of the mask, the cleared pool: items with known labels, all of them allowed there. (items,), read-only."""
        return self._cached(viewer, cleared=True)

    def check(self, viewer: Viewer, items: IntArray) -> Verdicts:
        """Judge each item of a final list anew, item by item at the clock's now; no mask is looked at.

        An index that the gate does not know and a clock that is not finite are held as errors.
        """
        view, now = stance(self.policy, viewer), self.clock()
        found = [self._worst(item, view, now) for item in items.tolist()]
        verdicts = [verdict for verdict, _ in found]
        allowed = np.array([verdict.shown for verdict in verdicts], np.bool_)
        return Verdicts(verdicts, [reason for _, reason in found], allowed, self.policy.cite)

    def labels(self, index: int) -> list[str]:
        """The labels of an item, its own and those of the pack's rules, as shown in responses."""
        return list(self._columns.label_sets[self._columns.label_set[index]])

    def min_age(self, index: int) -> int:
        """The youngest age an item is fit for, by its own field, its labels and rules; 0 where none says."""
        return int(self._columns.min_age[index])

    def with_takedowns(self, takedowns: Iterable[Takedown]) -> "Gate":
        """The gate under another complete list of active orders, which may name items that come later."""
        return self._but(_withheld=withheld(takedowns))

    def extended(self, rows: Catalogue) -> "Gate":
        """The gate with more items behind those it has; orders that name them hold at once."""
        read = fields.parse(rows, self.policy, self._columns)
        later = dict(self._later)
        for at, item in enumerate(read.ids, self.n_items):
            later[item] = (*later.get(item, ()), at)
        return self._but(_columns=self._columns.extended(read), _later=later, _turns=_merged(self._turns, _turns(read)))

    def replaced(self, index: int, row: Catalogue) -> "Gate":
        """The gate with other fields for one item. ConfigError if the row is not of that item."""
        return self.replaced_many([index], row)

    def replaced_many(self, indices: Sequence[int], rows: Catalogue) -> "Gate":
        """The gate with other fields for many items, at the price of one copy; of a repeated index the last row counts.

        ``rows`` are aligned with ``indices``. ConfigError if one is not of its item; nothing has changed then.
        """
        if len(indices) != len(rows):
            raise ConfigError(f"{len(rows)} rows cannot replace {len(indices)} items; give each item its own row.")
        read = fields.parse(rows, self.policy, self._columns)
        for index, item in zip(indices, read.ids, strict=True):
            if not 0 <= index < self.n_items or item != self._columns.ids[index]:
                raise ConfigError(f"The row for item {index} has another item's id; give the item's own row.")
        if not indices:
            return self
        return self._but(_columns=self._columns.replaced(indices, read), _turns=_merged(self._turns, _turns(read)))

    def _but(self, **changes: object) -> "Gate":
        return replace(self, **changes)  # type: ignore[arg-type]

    def _cached(self, viewer: Viewer, *, cleared: bool) -> BoolArray:
        view, now = stance(self.policy, viewer), self.clock()
        span = int(np.searchsorted(self._turns, now, side="right")) if math.isfinite(now) else -1
        territory = view.territory if view.territory is None or view.territory in self._named else ""
        key = (view.surface, territory, min(view.age, self._oldest), view.cleared_only, cleared, span)
        return self._masks.get(key, lambda: self._compute(view, now, cleared))

    def _compute(self, view: Stance, now: float, cleared: bool) -> BoolArray:
        read = self._columns
        if not math.isfinite(now):
            return _sealed(np.zeros(len(read), np.bool_))
        fit = [_fit(judge_labels(self.policy, names, view)[0], bool(names), cleared) for names in read.label_sets]
        sold = [where is None or view.territory in where for where in read.territory_sets]
        mask = np.array(fit, np.bool_)[read.label_set]  # (items,)
        mask &= np.array(sold, np.bool_)[read.territory_set]
        mask &= read.min_age <= view.age
        mask &= read.opens <= now
        mask &= now < read.closes
        mask &= read.lifts <= now
        mask &= read.sound
        for item, places in self._withheld.items():
            if bites(places, view.territory):
                mask[self._where(item)] = False
        return _sealed(mask)

    def _where(self, item: str) -> list[int]:
        first = self._ids.get(item)
        return [*(() if first is None else (first,)), *self._later.get(item, ())]

    def _worst(self, item: int, view: Stance, now: float) -> _Finding:
        """The most restrictive finding, the first of equals."""
        findings = self._findings(item, view, now)
        worst = next(findings)
        for finding in findings:
            if finding[0] > worst[0]:
                worst = finding
        return worst

    def _findings(self, item: int, view: Stance, now: float) -> Iterator[_Finding]:
        """What speaks for and against an item, in the order of precedence."""
        read = self._columns
        if not 0 <= item < len(read) or not math.isfinite(now):
            yield Verdict.HOLD, ERROR
            return
        places = self._withheld.get(read.ids[item])
        if places and bites(places, view.territory):
            yield Verdict.TAKEDOWN, TAKEDOWN if None in places else WITHHELD
        where = read.territory_sets[read.territory_set[item]]
        if where is not None and view.territory not in where:
            yield Verdict.BLOCK, TERRITORY
        if not read.opens[item] <= now < read.closes[item]:
            yield Verdict.BLOCK, WINDOW
        if now < read.lifts[item]:
            yield Verdict.BLOCK, EMBARGO
        if read.min_age[item] > view.age:
            yield Verdict.BLOCK, AGE
        yield judge_labels(self.policy, read.label_sets[read.label_set[item]], view)
        if not read.sound[item]:
            yield Verdict.HOLD, ERROR


def _fit(verdict: Verdict, labelled: bool, cleared: bool) -> bool:
    return labelled and verdict is Verdict.ALLOW if cleared else verdict.shown


def _sealed(mask: BoolArray) -> BoolArray:
    mask.flags.writeable = False
    return mask


def _turns(read: Columns) -> TimeArray:
    moments = np.concatenate([read.opens, read.closes, read.lifts])
    return np.unique(moments[np.isfinite(moments)])


def _merged(turns: TimeArray, more: TimeArray) -> TimeArray:
    """Sorted moments with others put between them; the copy is linear in their number."""
    place = np.searchsorted(turns, more)
    known = np.append(turns, np.inf)[place] == more  # moments are finite
    return turns if known.all() else np.insert(turns, place[~known], more[~known])
