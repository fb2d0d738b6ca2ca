"""The gate: a mask before ranking, a check on the final response. Neither ever adds an item."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from recsys.clock import Clock
from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError
from recsys.safety import columns as fields
from recsys.safety import terms
from recsys.safety.bench import Bench, Chair
from recsys.safety.columns import Labels, Rights, Said
from recsys.safety.court import Court
from recsys.safety.curfew import Signals, is_curfew
from recsys.safety.detail import Scene, finding, told
from recsys.safety.judge import Pool, Ruling, excepted, implied
from recsys.safety.labels.effective import Effective
from recsys.safety.limits import Limits, limits
from recsys.safety.marks import Marks, Reader
from recsys.safety.openings import Openings
from recsys.safety.policy import Policy
from recsys.safety.ratings import systems
from recsys.safety.reading import Reading
from recsys.safety.recent import Recent
from recsys.safety.stance import Stance, stances
from recsys.safety.takedown import Takedown, withheld
from recsys.safety.variants import variants
from recsys.safety.verdict import Checked, Finding, Response, Verdict, Verdicts
from recsys.types import BoolArray, IntArray, Viewer

_MASK_BYTES = 64_000_000  # what the masks of one gate may take
_CLASSES = 256  # classes of viewers that are remembered
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

    clock: Clock
    confirmed: Callable[[], float] | None  # s UTC: when the policy was last known to be in force, -inf = never
    _court: Court
    _rulings: Recent[tuple[int, str, bool, bool], dict[Marks, Ruling]]
    _limits: Recent[tuple[str, int], Limits]
    _masks: Recent[tuple[_Class, Pool, tuple[int, int]], BoolArray] = field(init=False, repr=False)
    _benches: Recent[_Class, Bench] = field(init=False, repr=False)
    _adults: Recent[tuple[Viewer, bool], tuple[Stance, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_masks", Recent(max(16, _MASK_BYTES // max(1, self.n_items))))
        object.__setattr__(self, "_benches", Recent(_CLASSES))
        object.__setattr__(self, "_adults", Recent(_CLASSES))

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

        ``labels`` holds what stands in the place of the labels of some items' records, and ``rights`` when items may be
        shown where, both by item id; ids may come later. ``confirmed`` says when the policy was last confirmed; None =
        it cannot go stale.
        """
        packs = variants(policy)
        reader, said = Reader.of(policy, packs), Said(labels, rights)
        read = fields.parse(catalogue, reader, said)
        court = Court(
            policy=policy,
            packs=packs,
            reader=reader,
            reading=Reading.of(read, read, policy, packs),
            said=said,
            ids=catalogue.ids,
            later={},
            orders=withheld(takedowns),
            openings=Openings(),
        )
        return cls(clock, confirmed, court, Recent(_CLASSES), Recent(_CLASSES))

    @property
    def policy(self) -> Policy:
        """The pack that judges."""
        return self._court.policy

    @property
    def cite(self) -> str:
        """How responses and logs name what judges."""
        return self.policy.cite

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy that judges."""
        return (self.policy,)

    @property
    def n_items(self) -> int:
        """How many items the gate knows; masks have this length."""
        return len(self._court.columns)

    @property
    def ids(self) -> Sequence[str]:
        """The id of each item."""
        return self._court.columns.ids

    @property
    def kinds(self) -> IntArray:
        """(items,): items of one number get one verdict, but for windows, rights beside the record and orders."""
        return self._court.columns.kind

    @property
    def stale(self) -> bool:
        """Whether nobody has confirmed the policy for longer than it says."""
        return self.confirmed is not None and not self.clock() - self.confirmed() <= self.policy.confirm_within

    def mask(self, viewer: Viewer) -> BoolArray:
        """Which items the viewer may see now: (items,), read-only, shared between callers."""
        return self._cached(viewer, Pool.SHOWN)

    def cleared(self, viewer: Viewer) -> BoolArray:
        """Of the mask, the cleared pool: items with known labels, all of them allowed there. (items,), read-only."""
        return self._cached(viewer, Pool.CLEARED)

    def vouched(self, viewer: Viewer) -> BoolArray:
        """Of the cleared pool, what a person has cleared: a label that clears it there is human. (items,), read-only.

        A catalogue's, a model's or a rule's word is not enough.
        """
        return self._cached(viewer, Pool.VOUCHED)

    def check(self, viewer: Viewer, items: IntArray) -> Verdicts:
        """Judge each item of a list anew at the clock's now; no mask is looked at.

        An index that the gate does not know and a clock that is not finite are held as errors.
        """
        now = self.clock()
        views = self._views(viewer, now)
        bench = self._bench(self._class(views), views)
        asked = np.asarray(items, np.int64)
        witness = _Witness(Scene(self._court, bench, now), asked)
        if len(asked) and asked.min() >= 0 and asked.max() < self.n_items and math.isfinite(now):
            codes, bits = self._court.codes(asked, bench, now)
            return Verdicts(codes, codes <= bench.limit, bits, self.policy.cite, witness)
        known = (asked >= 0) & (asked < self.n_items) & math.isfinite(now)
        codes, bits = np.full(len(asked), int(Verdict.HOLD), np.int8), np.zeros(len(asked), np.uint8)
        codes[known], bits[known] = self._court.codes(asked[known], bench, now)
        return Verdicts(codes, known & (codes <= bench.limit), bits, self.policy.cite, witness)

    def check_lists(self, viewer: Viewer, lists: Sequence[IntArray]) -> list[Verdicts]:
        """``check`` of several lists for one viewer, all at one moment."""
        if len(lists) == 1:
            return [self.check(viewer, lists[0])]
        return self.check(viewer, np.concatenate(lists)).split([len(items) for items in lists])

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
        packs = self._court.packs.of(terms.territory(viewer.territory))
        return self._limits.get((surface, id(packs)), lambda: limits(packs, surface))

    def signals(self, viewer: Viewer) -> Signals | None:
        """What a minor is told beside the list; None for whoever is none."""
        now, territory = self.clock(), terms.territory(viewer.territory)
        views = self._views(viewer, now)
        if not any(view.minor for view in views):
            return None
        rules = [pack.minors for pack in self._court.packs.of(territory)]
        pauses = [one.break_seconds for one in rules if one.break_seconds is not None]
        night = math.isfinite(now) and any(is_curfew(one, territory, now) for one in rules)
        return Signals(night, min(pauses, default=None))

    def labels(self, index: int) -> list[str]:
        """The labels of an item, its own and those that the pack's rules draw from its other fields."""
        return sorted({mark.label for mark in self._marks(index)})

    def provenance(self, index: int) -> dict[str, list[str]]:
        """Who gave each label of an item, wherever it holds: a source such as ``human``, or the pack's rule."""
        read, found = self._court.columns, dict[str, set[str]]()
        for mark in implied(self.policy, read.mark_sets[read.mark_set[index]], placed=False):
            source = mark.source if mark.rule < 0 else f"rule:{self.policy.rule_id(mark.rule)}"
            found.setdefault(mark.label, set()).add(source)
        return {name: sorted(sources) for name, sources in sorted(found.items())}

    def ai_labels(self, labels: Iterable[str]) -> list[str]:
        """Of some labels those that say that a machine made the work."""
        known = self.policy.labels
        return [name for name in labels if name in known and known[name].ai]

    def min_age(self, index: int) -> int:
        """The youngest age an item is fit for, by its own field, labels, rules and ratings; 0 where none says."""
        read = self._court.columns
        ages = [int(read.min_age[index])]
        for mark in self._marks(index):
            label = self.policy.labels.get(mark.label)
            ages.append(0 if label is None else label.at(mark.floor).min_age or 0)
            ages.append(0 if mark.rule < 0 else self.policy.rules[mark.rule].min_age or 0)
        rated = (systems().read(value) for value in read.rated_sets[read.rated_set[index]].ratings)
        return max([*ages, *(one.age for one in rated if one is not None)])

    def with_takedowns(self, takedowns: Iterable[Takedown]) -> "Gate":
        """The gate under another complete list of active orders, which may name items that come later."""
        return replace(self, _court=self._court.but(orders=withheld(takedowns)))

    def with_labels(self, labels: Mapping[str, tuple[Effective, ...] | None]) -> "Gate":
        """The gate with other labels of the items named, in the place of their records'; None = those of the record."""
        return replace(self, _court=self._court.with_labels(labels))

    def with_rights(self, rights: Mapping[str, Rights | None]) -> "Gate":
        """The gate with other rights of the items named; None = their record alone decides."""
        return replace(self, _court=self._court.with_rights(rights))

    def extended(self, rows: Catalogue) -> "Gate":
        """The gate with more items behind those it has; orders, labels and rights that name them hold at once."""
        court = self._court
        read = fields.parse(rows, court.reader, court.said, court.columns)
        later = dict(court.later)
        for at, item in enumerate(read.ids, self.n_items):
            later[item] = (*later.get(item, ()), at)
        return replace(self, _court=court.read_anew(court.columns.extended(read), read, later=later))

    def replaced(self, index: int, row: Catalogue) -> "Gate":
        """The gate with other fields for one item. ConfigError if the row is not of that item."""
        return self.replaced_many([index], row)

    def replaced_many(self, indices: Sequence[int], rows: Catalogue) -> "Gate":
        """The gate with other fields for many items, at the price of one copy; of a repeated index the last row counts.

        ``rows`` are aligned with ``indices``. ConfigError if one is not of its item; nothing has changed then.
        """
        if len(indices) != len(rows):
            raise ConfigError(f"{len(rows)} rows cannot replace {len(indices)} items; give each item its own row.")
        court = self._court
        read = fields.parse(rows, court.reader, court.said, court.columns)
        for index, item in zip(indices, read.ids, strict=True):
            if not 0 <= index < self.n_items or item != court.columns.ids[index]:
                raise ConfigError(f"The row for item {index} has another item's id; give the item's own row.")
        return replace(self, _court=court.read_anew(court.columns.replaced(indices, read), read)) if indices else self

    def _marks(self, index: int) -> Marks:
        """The labels of an item, wherever and however long they hold, but for what its rules make exceptions of."""
        read = self._court.columns
        marks = read.mark_sets[read.mark_set[index]]
        return excepted(self.policy, marks)

    def _views(self, viewer: Viewer, now: float) -> tuple[Stance, ...]:
        key = viewer, self.stale
        found = self._adults.found(key)
        if found is None:
            found = stances(self._court.packs, viewer, now, stale=self.stale)
            if not any(view.minor for view in found):  # to minors it matters what hour it is
                self._adults.put(key, found)
        return found

    def _class(self, views: Sequence[Stance]) -> _Class:
        """What tells viewers apart: those of one class see the same."""
        place, oldest = views[0].territory, self._court.reading.oldest
        told = tuple((v.surface, min(v.age, oldest), v.cleared_only, v.closed) for v in views)
        return told, place if self._court.apart(place) else ""

    def _bench(self, key: _Class, views: Sequence[Stance]) -> Bench:
        def make() -> Bench:
            pairs = zip(self._court.packs.of(views[0].territory), views, strict=True)
            return Bench(
                [Chair(pack, v, systems(), self._remembered(pack, v)) for pack, v in pairs], self._court.columns
            )

        return self._benches.get(key, make)

    def _remembered(self, pack: Policy, view: Stance) -> dict[Marks, Ruling]:
        """Rulings outlive a change of the catalogue, of orders and of what is said: they go by labels alone."""
        return self._rulings.get((id(pack), view.surface, view.cleared_only, view.territory is None), dict)

    def _cached(self, viewer: Viewer, pool: Pool) -> BoolArray:
        now = self.clock()
        views = self._views(viewer, now)
        key, span = self._class(views), self._court.span(views[0].territory, now)
        return self._masks.get((key, pool, span), lambda: self._court.mask(self._bench(key, views), now, pool))


@dataclass(frozen=True, slots=True, eq=False)
class _Witness:
    """Whoever was at a check, and what was asked there."""

    scene: Scene
    items: NDArray[np.int64]

    def explain(self, place: int) -> Finding:
        return finding(int(self.items[place]), self.scene)

    def told(self, place: int) -> tuple[str, ...]:
        return told(int(self.items[place]), self.scene)
