"""What changes where one policy takes the place of another, before anything is live.

Orders, rights, windows and embargoes are left aside: they hold whatever a pack says.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.clock import Clock
from recsys.dataset.catalogue import Catalogue
from recsys.safety.columns import Labels
from recsys.safety.gate import Gate
from recsys.safety.policy import ASKED, Policy
from recsys.safety.probes import probes
from recsys.safety.unseen import ELSEWHERE, PLAIN, unseen
from recsys.safety.variants import Variants, variants
from recsys.safety.verdict import Verdict
from recsys.types import BoolArray, Viewer

EXAMPLES = 5  # works that are named for each surface
_Row = tuple[str | None, int | None, tuple[int, int, int]]  # territory, age; works that change, are gained, are lost
_TIME_BOUND = ("available_from", "available_to", "embargo_until", "territories")


@dataclass(frozen=True, slots=True)
class Example:
    """One work that changes."""

    item_id: str
    before: str  # verdict
    after: str
    reason: str  # of the more restrictive of both
    territory: str | None
    age: int | None


@dataclass(frozen=True, slots=True)
class Audience:
    """Viewers to whom one surface changes in the same way; numbers of works."""

    territory: str | None  # None = unknown
    ages: str  # such as 8-11, 18+, unknown
    changed: int
    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class Moves:
    """What changes on one surface: works that do so for some viewer."""

    surface: str
    changed: int
    gained: int  # shown to somebody who does not see them now
    lost: int
    verdicts: Mapping[str, int]  # "allow > block" → works
    audiences: tuple[Audience, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a new policy changes. ``loosens`` names each way in which it is not only stricter; empty where it is.

    ``asks`` says what else it asks of lists than before: quotas, new works, traffic. That shows nobody anything more.
    """

    before: str
    after: str
    items: int
    surfaces: tuple[Moves, ...]  # those on which something changes
    providers: Mapping[str, tuple[int, int]]  # who gains and who loses how many works on some surface
    loosens: tuple[str, ...]
    asks: tuple[str, ...] = ()

    @property
    def changed(self) -> int:
        """On how many surfaces something changes."""
        return len(self.surfaces)


def difference(catalogue: Catalogue, labels: Labels, old: Policy, new: Policy, clock: Clock) -> Difference:
    """Compare two policies over a catalogue under what is said of its items, and over works that are yet to come."""
    sides = _Sides.of(catalogue, labels, old, new, clock)
    surfaces = [*sorted({*old.surfaces, *new.surfaces}), ELSEWHERE]
    seen = [sides.surface(surface) for surface in surfaces]
    told = [f"{one.moves.surface}: {why}" for one in seen for why in one.looser]
    return Difference(
        before=old.cite,
        after=new.cite,
        items=len(catalogue),
        surfaces=tuple(one.moves for one in seen if one.moves.changed),
        providers=_providers(catalogue, seen),
        loosens=(*told, *unseen(old, new)),
        asks=tuple(_asks(old, new)),
    )


def _asks(old: Policy, new: Policy) -> Iterator[str]:
    """Each key of what packs ask of lists that is another one, with both values."""
    before, after = (dict(_flat("", one.model_dump(mode="json", include=set(ASKED)))) for one in (old, new))
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        if was != now:
            yield f"{key}: {'none' if was is None else was} > {'none' if now is None else now}"


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for name, one in value.items():
        yield from _flat(f"{path}.{name}" if path else name, one)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    moves: Moves
    looser: tuple[str, ...]
    gained: BoolArray  # (items,)
    lost: BoolArray


@dataclass(eq=False)
class _Sides:
    """Two gates over one item of each kind, and where the items of a catalogue are among these."""

    old: Gate
    new: Gate
    size: int  # items of the catalogue
    kind: NDArray[np.int64]  # (items + probes,) the place of each item's kind
    first: NDArray[np.int64]  # (kinds,) an item of each
    territories: Sequence[str | None]
    ages: Sequence[int | None]

    @classmethod
    def of(cls, catalogue: Catalogue, labels: Labels, old: Policy, new: Policy, clock: Clock) -> "_Sides":
        """Compile both policies over the catalogue and the probes; keep one item of each kind they tell apart."""
        more, said = probes(old, new)
        table = catalogue.table
        plain = Catalogue(table.drop_columns([name for name in _TIME_BOUND if name in table.column_names]))
        rows, every = plain.extended(Catalogue.from_records(more)), {**labels, **said}
        both = [Gate.compile(rows, policy, clock, labels=every) for policy in (old, new)]
        pairs = np.stack([gate.kinds for gate in both], 1)  # (items, 2)
        _, first, kind = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
        some = Catalogue(rows.table.take(first))
        small = [Gate.compile(some, policy, clock, labels=every) for policy in (old, new)]
        return cls(
            old=small[0],
            new=small[1],
            size=len(catalogue),
            kind=kind.reshape(-1),
            first=first,
            territories=_territories(old, new, every),
            ages=_ages(old, new),
        )

    def surface(self, surface: str) -> _Seen:
        """What changes on one surface, for everybody."""
        real = np.bincount(self.kind[: self.size], minlength=len(self.first))  # (kinds,) works of the catalogue
        tally = _Tally(len(self.first))
        for territory in self.territories:
            for age in self.ages:
                tally.add(self.old, self.new, Viewer(surface, territory, age), real)
        moves = Moves(
            surface=surface,
            changed=int(real[tally.changed].sum()),
            gained=int(real[tally.gained].sum()),
            lost=int(real[tally.lost].sum()),
            verdicts={name: n for name, hit in sorted(tally.verdicts.items()) if (n := int(real[hit].sum()))},
            audiences=tuple(_audiences(tally.rows)),
            examples=tuple(self._examples(np.flatnonzero(tally.changed & (real > 0)), tally)),
        )
        of = self.kind[: self.size]
        return _Seen(moves, tuple(_told(tally.looser, real, tally.gained)), tally.gained[of], tally.lost[of])

    def _examples(self, kinds: NDArray[np.intp], tally: "_Tally") -> Iterator[Example]:
        for kind in kinds[:EXAMPLES].tolist():
            viewer, one = tally.viewers[int(tally.where[kind])], np.array([kind], np.int32)
            a, b = (gate.check(viewer, one).findings[0] for gate in (self.old, self.new))
            worse = max(a, b, key=lambda found: found.verdict)
            yield Example(
                self.old.ids[kind], a.verdict.code, b.verdict.code, worse.reason, viewer.territory, viewer.age
            )


@dataclass(eq=False)
class _Tally:
    """What the viewers of one surface see change, one after the other; arrays are (kinds,)."""

    size: int
    viewers: list[Viewer] = field(default_factory=list)
    rows: list[_Row] = field(default_factory=list)
    verdicts: dict[str, BoolArray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.changed, self.gained, self.lost, self.looser = (np.zeros(self.size, np.bool_) for _ in range(4))
        self.where = np.full(self.size, -1)  # the first viewer who sees a change

    def add(self, old: Gate, new: Gate, viewer: Viewer, real: NDArray[np.int64]) -> None:
        """One more viewer; ``real`` says how many works there are of each kind."""
        every = np.arange(self.size, dtype=np.int32)
        a, b = old.check(viewer, every), new.check(viewer, every)
        differs = (a.codes != b.codes) | (a.withheld != b.withheld)
        more, less = b.allowed & ~a.allowed, a.allowed & ~b.allowed
        self.looser |= (b.codes < a.codes) | more | ((a.withheld & ~b.withheld) != 0)
        self.looser |= new.cleared(viewer) & ~old.cleared(viewer)
        for was, now in set(zip(a.codes[differs].tolist(), b.codes[differs].tolist(), strict=True)):
            name, hit = f"{Verdict(was).code} > {Verdict(now).code}", differs & (a.codes == was) & (b.codes == now)
            self.verdicts[name] = self.verdicts.get(name, False) | hit
        self.where[(self.where < 0) & differs] = len(self.viewers)
        self.changed |= differs
        self.gained |= more
        self.lost |= less
        counts = (int(real[differs].sum()), int(real[more].sum()), int(real[less].sum()))
        self.viewers.append(viewer)
        self.rows.append((viewer.territory, viewer.age, counts))


def _told(looser: BoolArray, real: NDArray[np.int64], gained: BoolArray) -> Iterator[str]:
    known, shown = int(real[looser].sum()), int(real[gained].sum())
    if known:
        yield f"{known} works are judged more mildly, of which {shown} are shown to more viewers"
    if (looser & (real == 0)).any():
        yield "works that may come would be judged more mildly"


def _audiences(rows: Sequence[_Row]) -> Iterator[Audience]:
    """Neighbouring ages of one territory that see the same change are one audience."""
    at = 0
    while at < len(rows):
        territory, first, counts = rows[at]
        end = at
        same = first is not None
        while same and end + 1 < len(rows) and rows[end + 1][0] == territory and rows[end + 1][2] == counts:
            end += 1
        last = end + 1 == len(rows) or rows[end + 1][0] != territory
        if any(counts):
            to = rows[end][1]
            ages = "unknown" if first is None else f"{first}+" if last else f"{first}-{to}" if to != first else f"{to}"
            yield Audience(ELSEWHERE if territory == PLAIN else territory, ages, *counts)
        at = end + 1


def _territories(old: Policy, new: Policy, labels: Labels) -> list[str | None]:
    """Unknown, one that nobody names, and of those that are judged by the same packs one each."""
    sides = [variants(old), variants(new)]
    held = {one.territory for some in labels.values() for one in some if one.territory}
    rated = old.foreign_ratings != new.foreign_ratings or old.rated_media != new.rated_media
    boards = {"US", "GB", "DE", "JP", "KR", "CN"} if rated else set[str]()
    found: list[str | None] = [None, PLAIN, *sorted({*held, *boards})]
    groups: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    for code in sorted({*sides[0].named, *sides[1].named}):
        group = (_ids(sides[0], code), _ids(sides[1], code))
        if group not in groups and code not in found:
            groups.add(group)
            found.append(code)
    return found


def _ids(side: Variants, code: str) -> tuple[int, ...]:
    return tuple(id(pack) for pack in side.of(code))


def _ages(old: Policy, new: Policy) -> list[int | None]:
    """Unknown, and every age at which an answer may turn."""
    found = set(range(max(old.age_bands[-1], new.age_bands[-1]) + 1))
    for policy in (old, new):
        for pack in variants(policy).anywhere:
            ages = [rule.min_age for rule in pack.rules]
            ages += [one.min_age for label in pack.labels.values() for one in (label, *label.bands)]
            found |= {age for age in ages if age is not None}
    return [None, *sorted(found)]


def _providers(catalogue: Catalogue, seen: Sequence[_Seen]) -> dict[str, tuple[int, int]]:
    gained = np.logical_or.reduce([one.gained for one in seen])
    lost = np.logical_or.reduce([one.lost for one in seen])
    names = catalogue.column("provider")
    more = Counter(names[at] or "unknown" for at in np.flatnonzero(gained).tolist())
    less = Counter(names[at] or "unknown" for at in np.flatnonzero(lost).tolist())
    return {name: (more[name], less[name]) for name in sorted({*more, *less})}
