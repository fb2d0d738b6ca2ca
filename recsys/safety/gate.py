"""The gate: a mask before ranking, a check on the final response. Neither ever adds an item."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from recsys.clock import Clock
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.ids import IdMap
from recsys.errors import ConfigError
from recsys.safety import columns as fields
from recsys.safety import terms
from recsys.safety.bench import Bench, Chair
from recsys.safety.columns import Columns, Labels, Rights, Said
from recsys.safety.curfew import Signals, is_curfew
from recsys.safety.detail import Scene, finding, told
from recsys.safety.judge import Ruling, excepted
from recsys.safety.labels.effective import Effective
from recsys.safety.limits import Limits, limits
from recsys.safety.marks import Marks, Reader
from recsys.safety.openings import Openings
from recsys.safety.policy import Policy
from recsys.safety.ratings import systems
from recsys.safety.reading import NO_TURNS, Reading
from recsys.safety.recent import Recent
from recsys.safety.stance import Stance, stances
from recsys.safety.takedown import Takedown, Withheld, bites, withheld
from recsys.safety.variants import Variants, variants
from recsys.safety.verdict import ERROR, Checked, Finding, Response, Verdict, Verdicts
from recsys.types import BoolArray, IntArray, TimeArray, Viewer

_MASK_BYTES = 64_000_000  # what the masks of one gate may take
_CLASSES = 256  # classes of viewers that are remembered
_BLOCK, _HOLD = np.int8(Verdict.BLOCK), np.int8(Verdict.HOLD)
_View = tuple[str, int, bool, str]
_Class = tuple[tuple[_View, ...], str | None]
_NONE: Mapping[str, tuple[Effective, ...]] = MappingProxyType({})
_NO_RIGHTS: Mapping[str, Rights] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """What every viewer may see of one catalogue under one policy. Immutable and safe to share between threads.

    A change gives a new gate, which shares what did not change; masks live until the next boundary of a window, an
    embargo or a label.
    """

    policy: Policy
    clock: Clock
    confirmed: Callable[[], float] | None  # s UTC: when the policy was last known to be in force, -inf = never
    _packs: Variants
    _reader: Reader
    _reading: Reading
    _said: Said
    _ids: IdMap  # of the items the gate was compiled with
    _later: Mapping[str, tuple[int, ...]]  # of the items added since
    _withheld: Withheld
    _openings: Openings
    _rulings: Recent[tuple[int, str, bool, bool], dict[Marks, Ruling]]
    _limits: Recent[tuple[str, int], Limits]
    _down: Mapping[int, frozenset[str | None]] = field(init=False)  # the orders by item
    _ordered: frozenset[str | None] = field(init=False)  # territories with orders of their own
    _masks: Recent[tuple[_Class, bool, int, int], BoolArray] = field(init=False, repr=False)
    _benches: Recent[_Class, Bench] = field(init=False, repr=False)
    _right_turns: Recent[str | None, TimeArray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        orders = {at: places for item, places in self._withheld.items() for at in self._where(item)}
        object.__setattr__(self, "_down", orders)
        object.__setattr__(self, "_ordered", frozenset[str | None]().union(*self._withheld.values()))
        object.__setattr__(self, "_masks", Recent(max(16, _MASK_BYTES // max(1, len(self._reading)))))
        object.__setattr__(self, "_benches", Recent(_CLASSES))
        object.__setattr__(self, "_right_turns", Recent(_CLASSES))

    @classmethod
    def compile(
        cls,
        catalogue: Catalogue,
        policy: Policy,
        clock: Clock,
        takedowns: Iterable[Takedown] = (),
        *,
        labels: Labels = _NONE,
        rights: Mapping[str, Rights] = _NO_RIGHTS,
        confirmed: Callable[[], float] | None = None,
    ) -> "Gate":
        """Read a catalogue once, under the complete list of active orders. DataError if an id is there twice.

        ``labels`` holds what was said of items beside their records, ``rights`` when they may be shown where, both by
        item id; ids may come later. ``confirmed`` says when the policy was last confirmed; None = it cannot go stale.
        """
        packs = variants(policy)
        reader, said = Reader.of(policy, packs), Said(labels, rights)
        read = fields.parse(catalogue, reader, said)
        return cls(
            policy=policy,
            clock=clock,
            confirmed=confirmed,
            _packs=packs,
            _reader=reader,
            _reading=Reading.of(read, read, policy, packs),
            _said=said,
            _ids=catalogue.ids,
            _later={},
            _withheld=withheld(takedowns),
            _openings=Openings(),
            _rulings=Recent(_CLASSES),
            _limits=Recent(_CLASSES),
        )

    @property
    def n_items(self) -> int:
        """How many items the gate knows; masks have this length."""
        return len(self._columns)

    @property
    def stale(self) -> bool:
        """Whether nobody has confirmed the policy for longer than it says."""
        return self.confirmed is not None and not self.clock() - self.confirmed() <= self.policy.confirm_within

    def mask(self, viewer: Viewer) -> BoolArray:
        """Which items the viewer may see now: (items,), read-only, shared between callers."""
        return self._cached(viewer, cleared=False)

    def cleared(self, viewer: Viewer) -> BoolArray:
        """Of the mask, the cleared pool: items with known labels, all of them allowed there. (items,), read-only."""
        return self._cached(viewer, cleared=True)

    def check(self, viewer: Viewer, items: IntArray) -> Verdicts:
        """Judge each item of a list anew at the clock's now; no mask is looked at.

        An index that the gate does not know and a clock that is not finite are held as errors.
        """
        now = self.clock()
        views = self._views(viewer, now)
        bench = self._bench(self._class(views), views)
        asked = np.asarray(items, np.int64)
        witness = _Witness(self, asked, bench, now)
        if len(asked) and asked.min() >= 0 and asked.max() < self.n_items and math.isfinite(now):
            codes, bits = self._codes(asked, bench, now)
            return Verdicts(codes, codes <= bench.limit, bits, self.policy.cite, witness)
        known = (asked >= 0) & (asked < self.n_items) & math.isfinite(now)
        codes, bits = np.full(len(asked), int(Verdict.HOLD), np.int8), np.zeros(len(asked), np.uint8)
        codes[known], bits[known] = self._codes(asked[known], bench, now)
        return Verdicts(codes, known & (codes <= bench.limit), bits, self.policy.cite, witness)

    def check_response(self, viewer: Viewer, response: Response) -> Checked:
        """Judge everything that a response shows: its items, what their explanations name, titles and artwork."""
        verdicts = self.check(viewer, response.items)
        named = sorted({item for row in response.because for item in row})
        if not named:
            return Checked(verdicts, tuple(() for _ in response.items))
        told = self.check(viewer, np.array(named, np.int32))
        # an explanation says a title
        fine = {item for item, ok in zip(named, Checked(told, ()).may_show("title").tolist(), strict=True) if ok}
        return Checked(verdicts, tuple(tuple(item for item in row if item in fine) for row in response.because))

    def limits(self, viewer: Viewer) -> Limits:
        """What holds for a whole list shown to the viewer."""
        surface = viewer.surface if viewer.surface in self.policy.surfaces else ""
        packs = self._packs.of(terms.territory(viewer.territory))
        return self._limits.get((surface, id(packs)), lambda: limits(packs, surface))

    def signals(self, viewer: Viewer) -> Signals | None:
        """What a minor is told beside the list; None for whoever is none."""
        now, territory = self.clock(), terms.territory(viewer.territory)
        views = self._views(viewer, now)
        if not any(view.minor for view in views):
            return None
        rules = [pack.minors for pack in self._packs.of(territory)]
        pauses = [one.break_seconds for one in rules if one.break_seconds is not None]
        night = math.isfinite(now) and any(is_curfew(one, territory, now) for one in rules)
        return Signals(night, min(pauses, default=None))

    def labels(self, index: int) -> list[str]:
        """The labels of an item, its own and those of the pack's rules, as shown in responses."""
        return sorted({mark.label for mark in self._marks(index)})

    def provenance(self, index: int) -> dict[str, list[str]]:
        """Who gave each label of an item: a source such as ``human``, or the pack's rule."""
        found: dict[str, set[str]] = {}
        for mark in self._marks(index):
            source = mark.source if mark.rule < 0 else f"rule:{self.policy.rule_id(mark.rule)}"
            found.setdefault(mark.label, set()).add(source)
        return {name: sorted(sources) for name, sources in sorted(found.items())}

    def ai_labels(self, index: int) -> list[str]:
        """The labels of an item that say it was made by a machine."""
        return [name for name in self.labels(index) if name in self.policy.labels and self.policy.labels[name].ai]

    def min_age(self, index: int) -> int:
        """The youngest age an item is fit for, by its own field, labels, rules and ratings; 0 where none says."""
        read, ages = self._columns, [int(self._columns.min_age[index])]
        for mark in self._marks(index):
            label = self.policy.labels.get(mark.label)
            ages.append(0 if label is None else label.at(mark.floor).min_age or 0)
            ages.append(0 if mark.rule < 0 else self.policy.rules[mark.rule].min_age or 0)
        rated = (systems().read(value) for value in read.rated_sets[read.rated_set[index]].ratings)
        return max([*ages, *(one.age for one in rated if one is not None)])

    def with_takedowns(self, takedowns: Iterable[Takedown]) -> "Gate":
        """The gate under another complete list of active orders, which may name items that come later."""
        return self._but(_withheld=withheld(takedowns))

    def with_labels(self, labels: Labels) -> "Gate":
        """The gate with other labels beside the records of the items named; an empty tuple = nothing more is said."""
        every = {**self._said.labels, **labels}
        changed = self._columns.said(self._indices(labels), self._reader, every)
        return self._read_anew(changed, changed, _said=Said(every, self._said.rights))

    def with_rights(self, rights: Mapping[str, Rights | None]) -> "Gate":
        """The gate with other rights of the items named; None = their record alone decides."""
        given = {**self._said.rights, **rights}
        every = {item: right for item, right in given.items() if right is not None}
        changed = self._columns.granted(self._indices(rights), every)
        return self._read_anew(changed, changed, _said=Said(self._said.labels, every))

    def extended(self, rows: Catalogue) -> "Gate":
        """The gate with more items behind those it has; orders, labels and rights that name them hold at once."""
        read = fields.parse(rows, self._reader, self._said, self._columns)
        later = dict(self._later)
        for at, item in enumerate(read.ids, self.n_items):
            later[item] = (*later.get(item, ()), at)
        return self._read_anew(self._columns.extended(read), read, _later=later)

    def replaced(self, index: int, row: Catalogue) -> "Gate":
        """The gate with other fields for one item. ConfigError if the row is not of that item."""
        return self.replaced_many([index], row)

    def replaced_many(self, indices: Sequence[int], rows: Catalogue) -> "Gate":
        """The gate with other fields for many items, at the price of one copy; of a repeated index the last row counts.

        ``rows`` are aligned with ``indices``. ConfigError if one is not of its item; nothing has changed then.
        """
        if len(indices) != len(rows):
            raise ConfigError(f"{len(rows)} rows cannot replace {len(indices)} items; give each item its own row.")
        read = fields.parse(rows, self._reader, self._said, self._columns)
        for index, item in zip(indices, read.ids, strict=True):
            if not 0 <= index < self.n_items or item != self._columns.ids[index]:
                raise ConfigError(f"The row for item {index} has another item's id; give the item's own row.")
        return self._read_anew(self._columns.replaced(indices, read), read) if indices else self

    def _read_anew(self, read: Columns, rows: Columns, **changes: object) -> "Gate":
        """The gate over other columns, of which ``rows`` are new."""
        reading = Reading.of(read, rows, self.policy, self._packs, self._reading.turns)
        return self._but(_reading=reading, **changes)

    def _but(self, **changes: object) -> "Gate":
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def _columns(self) -> Columns:
        return self._reading.columns

    def _where(self, item: str) -> list[int]:
        first = self._ids.get(item)
        return [*(() if first is None else (first,)), *self._later.get(item, ())]

    def _indices(self, items: Iterable[str]) -> IntArray:
        return np.array([at for item in items for at in self._where(item)], np.int32)

    def _marks(self, index: int) -> Marks:
        """The labels of an item, wherever and however long they hold, but for what its rules make exceptions of."""
        marks = self._columns.mark_sets[self._columns.mark_set[index]]
        return excepted(self.policy, marks)

    def _views(self, viewer: Viewer, now: float) -> tuple[Stance, ...]:
        return stances(self._packs, viewer, now, stale=self.stale)

    def _class(self, views: Sequence[Stance]) -> _Class:
        """What tells viewers apart: those of one class see the same."""
        place, named = views[0].territory, self._reading.named
        apart = place is None or named is None or place in named or place in self._ordered
        return tuple((v.surface, min(v.age, self._reading.oldest), v.cleared_only, v.closed) for v in views), (
            place if apart else ""
        )

    def _bench(self, key: _Class, views: Sequence[Stance]) -> Bench:
        def make() -> Bench:
            pairs = zip(self._packs.of(views[0].territory), views, strict=True)
            return Bench([Chair(pack, v, systems(), self._remembered(pack, v)) for pack, v in pairs], self._columns)

        return self._benches.get(key, make)

    def _remembered(self, pack: Policy, view: Stance) -> dict[Marks, Ruling]:
        """Rulings outlive a change of the catalogue, of orders and of what is said: they go by labels alone."""
        return self._rulings.get((id(pack), view.surface, view.cleared_only, view.territory is None), dict)

    def _cached(self, viewer: Viewer, *, cleared: bool) -> BoolArray:
        now = self.clock()
        views = self._views(viewer, now)
        key = self._class(views)
        spans = _span(self._reading.turns, now), _span(self._turns_there(views[0].territory), now)
        return self._masks.get((key, cleared, *spans), lambda: self._compute(self._bench(key, views), now, cleared))

    def _turns_there(self, territory: str | None) -> TimeArray:
        """The moments when rights open or close in a territory."""
        if not self._reading.restricted:
            return NO_TURNS
        rights = list(self._columns.right_sets)
        return self._right_turns.get(territory, lambda: self._openings.turns(rights, territory))

    def _compute(self, bench: Bench, now: float, cleared: bool) -> BoolArray:
        read, place = self._columns, bench.view.territory
        if not math.isfinite(now) or bench.closed:
            return _sealed(np.zeros(len(read), np.bool_))
        mask = bench.fits(now, cleared=cleared)  # (items,)
        mask &= self._reading.starts <= now
        mask &= now < read.closes
        if self._reading.restricted:
            mask &= self._openings.all_open(list(read.right_sets), place, now)[read.right_set]
        for at, places in self._down.items():
            if bites(places, place):
                mask[at] = False
        return _sealed(mask)

    def _codes(self, items: NDArray[np.int64], bench: Bench, now: float) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        """(n,) verdicts on known items, and the parts that are withheld."""
        read, reading, place = self._columns, self._reading, bench.view.territory
        codes, bits = bench.codes(read.kind[items], now)
        out = (reading.starts[items] > now) | (read.closes[items] <= now)
        if out.any():
            codes[out] = np.maximum(codes[out], _BLOCK)
        if reading.restricted:
            rights = [read.right_sets[at] for at in read.right_set[items].tolist()]
            shut = ~self._openings.all_open(rights, place, now)
            codes[shut] = np.maximum(codes[shut], _BLOCK)
        if bench.closed:
            np.maximum(codes, _HOLD, out=codes)
        if self._down:
            for row, item in enumerate(items.tolist()):
                if (places := self._down.get(item)) is not None and bites(places, place):
                    codes[row] = Verdict.TAKEDOWN
        return codes, bits

    def scene(self, bench: Bench, now: float) -> Scene:
        """Everything that a verdict rests on at ``now`` (s UTC)."""
        return Scene(self._columns, bench, now, self._withheld, self._openings, self._said.labels, self.policy)


@dataclass(frozen=True, slots=True, eq=False)
class _Witness:
    """The gate as it was at a check."""

    gate: Gate
    items: NDArray[np.int64]
    bench: Bench
    now: float

    def explain(self, place: int) -> Finding:
        item = int(self.items[place])
        if not 0 <= item < self.gate.n_items or not math.isfinite(self.now):
            return Finding(Verdict.HOLD, ERROR, self.gate.policy.cite)
        return finding(item, self.gate.scene(self.bench, self.now))

    def told(self, place: int) -> tuple[str, ...]:
        return told(int(self.items[place]), self.gate.scene(self.bench, self.now))


def _span(turns: TimeArray, now: float) -> int:
    """Between which of the moments it is; -1 where the clock is broken."""
    return int(np.searchsorted(turns, now, side="right")) if math.isfinite(now) else -1


def _sealed(mask: BoolArray) -> BoolArray:
    mask.flags.writeable = False
    return mask
