"""A catalogue as the gate reads it: one number an item and field, garbage found once and marked."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.dataset.catalogue import JUDGED_LISTS, Catalogue
from recsys.safety import terms
from recsys.safety.labels.effective import Effective
from recsys.safety.marks import Drawn, Marks, Reader
from recsys.safety.parts import LABELS, MAX_AGE
from recsys.types import BoolArray, IntArray, TimeArray

V = TypeVar("V", bound=Hashable)
Territories = frozenset[str] | None  # None = everywhere, an empty set = nowhere
Labels = Mapping[str, tuple[Effective, ...]]  # by item id


class Rights(Protocol):
    """When an item may be shown where. Equal values hash alike."""

    def windows(self, territory: str | None) -> tuple[tuple[float, float], ...]:
        """[opens, closes) in s UTC in a territory; for an unknown one what holds everywhere."""
        ...

    def __hash__(self) -> int: ...


class Rated(NamedTuple):
    """The ratings of an item as they stand there, and whether its kind needs one."""

    ratings: tuple[str, ...]
    needed: bool


class Kind(NamedTuple):
    """What decides over an item but for time: the places of its values in the columns' sets."""

    marks: int
    territories: int
    rated: int
    min_age: int
    sound: bool


class Interned(Generic[V]):
    """Distinct values, each with a number that it keeps. It only grows, so that gates share it, and threads too."""

    def __init__(self, values: Sequence[V] = ()) -> None:
        self._values = list(values)
        self._index = {value: at for at, value in enumerate(self._values)}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, at: int) -> V:
        return self._values[at]

    def __iter__(self) -> Iterator[V]:
        return iter(self._values.copy())

    def add(self, value: V) -> int:
        """The number of a value, which is kept if it is new."""
        at = self._index.get(value)
        if at is None:
            with self._lock:
                at = self._index.setdefault(value, len(self._values))
                if at == len(self._values):
                    self._values.append(value)
        return at


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The fields of every item that the gate decides by. All arrays are (items,) and never written to.

    ``min_age`` is the item's own, 0 where none is known; labels and ratings have theirs.
    """

    ids: tuple[str, ...]
    drawn: IntArray  # into drawn_sets: what the record itself makes of labels
    mark_set: IntArray  # into mark_sets: the labels
    territory_set: IntArray  # into territory_sets
    rated_set: IntArray  # into rated_sets
    right_set: IntArray  # into right_sets
    kind: IntArray  # into kinds
    min_age: NDArray[np.int16]  # years
    opens: TimeArray  # s UTC, -inf = at once
    closes: TimeArray  # s UTC, inf = never
    lifts: TimeArray  # s UTC, the embargo's end, -inf = none
    sound: BoolArray  # no field is garbage
    drawn_sets: Interned[Drawn]
    mark_sets: Interned[Marks]
    territory_sets: Interned[Territories]
    rated_sets: Interned[Rated]
    right_sets: Interned[Rights | None]
    kinds: Interned[Kind]

    def __len__(self) -> int:
        return len(self.ids)

    def extended(self, rows: "Columns") -> "Columns":
        """These items and then ``rows``, which must have been parsed with ``self`` as their base."""
        joined: dict[str, Any] = {name: np.concatenate([getattr(self, name), getattr(rows, name)]) for name in _ARRAYS}
        return replace(rows, ids=self.ids + rows.ids, **joined)

    def replaced(self, indices: Sequence[int], rows: "Columns") -> "Columns":
        """These items with those at ``indices`` as in ``rows``, parsed with ``self`` as their base; the last wins."""
        last = {index: at for at, index in enumerate(indices)}
        where, source = np.array(list(last), np.intp), np.array(list(last.values()), np.intp)
        changed: dict[str, Any] = {name: getattr(self, name).copy() for name in _ARRAYS}
        for name, values in changed.items():
            values[where] = getattr(rows, name)[source]
        return replace(rows, ids=self.ids, **changed)

    def said(self, indices: IntArray, reader: Reader, labels: Labels) -> "Columns":
        """These items with the labels of those at ``indices`` anew."""
        mark_set = self.mark_set.copy()
        for index in indices.tolist():
            drawn = self.drawn_sets[self.drawn[index]]
            mark_set[index] = self.mark_sets.add(reader.marks(drawn, labels.get(self.ids[index])))
        return _kinds(replace(self, mark_set=mark_set), indices)

    def granted(self, indices: IntArray, rights: Mapping[str, Rights]) -> "Columns":
        """These items with the rights of those at ``indices`` anew; None = as the catalogue says."""
        right_set = self.right_set.copy()
        for index in indices.tolist():
            right_set[index] = self.right_sets.add(rights.get(self.ids[index]))
        return replace(self, right_set=right_set)


_ARRAYS = (
    "drawn",
    "mark_set",
    "territory_set",
    "rated_set",
    "right_set",
    "kind",
    "min_age",
    "opens",
    "closes",
    "lifts",
    "sound",
)


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What was said of items beside their records, by item id; items may come later.

    Labels stand in the place of those of the record, which are among them unless somebody has lifted them.
    """

    labels: Labels
    rights: Mapping[str, Rights]


def parse(catalogue: Catalogue, reader: Reader, said: Said, base: Columns | None = None) -> Columns:
    """Read the fields of a catalogue, labelling items by the pack's rules.

    Garbage marks its item as not sound, which the gate holds: a missing id, a label or territory that is broken, an
    age outside 0–99, a window that ends before it starts, text that is no UTF-8. ``territories`` null means everywhere
    and an empty list nowhere; ``labels`` null or empty means unlabelled.
    """
    territories: Interned[Territories] = base.territory_sets if base else Interned()
    drawn_sets: Interned[Drawn] = base.drawn_sets if base else Interned()
    rated_sets: Interned[Rated] = base.rated_sets if base else Interned()
    sound = np.ones(len(catalogue), np.bool_)
    ids = _values(catalogue, "item_id", sound)
    sound &= np.array([isinstance(item, str) and item != "" for item in ids], np.bool_)
    names = tuple(item if isinstance(item, str) else "" for item in ids)
    drawn = _drawn(catalogue, reader, sound, drawn_sets)
    age, age_sound = _ages(catalogue)
    opens, closes, lifts = (_seconds(catalogue, name) for name in ("available_from", "available_to", "embargo_until"))
    territory_set = _territory_column(catalogue, territories, sound)
    rated = _rated(catalogue, reader.policy.rated_media, sound, rated_sets)
    sound &= age_sound & ~(opens > closes)
    nothing = np.zeros(len(catalogue), np.int32)
    every = np.arange(len(catalogue), dtype=np.int32)
    read = Columns(
        ids=names,
        drawn=drawn,
        mark_set=nothing,
        territory_set=territory_set,
        rated_set=rated,
        right_set=nothing,
        kind=nothing,
        min_age=age,
        opens=np.nan_to_num(opens, nan=-np.inf, posinf=np.inf, neginf=-np.inf),
        closes=np.nan_to_num(closes, nan=np.inf, posinf=np.inf, neginf=-np.inf),
        lifts=np.nan_to_num(lifts, nan=-np.inf, posinf=np.inf, neginf=-np.inf),
        sound=sound,
        drawn_sets=drawn_sets,
        mark_sets=base.mark_sets if base else Interned(),
        territory_sets=territories,
        rated_sets=rated_sets,
        right_sets=base.right_sets if base else Interned([None]),
        kinds=base.kinds if base else Interned(),
    )
    labelled = _labelled(read, reader, said.labels)
    granted = [at for at, name in enumerate(names) if name in said.rights] if said.rights else []
    return _kinds(labelled.granted(np.array(granted, np.int32), said.rights), every)


def _labelled(read: Columns, reader: Reader, labels: Labels) -> Columns:
    """The labels of all items: once for each distinct record, and for each item of which more was said."""
    sets = read.mark_sets
    present, place = np.unique(read.drawn, return_inverse=True)
    plain = [sets.add(reader.marks(read.drawn_sets[at], None)) for at in present.tolist()]
    mark_set = np.array(plain, np.int32)[place] if plain else np.zeros(len(read), np.int32)
    for at, name in enumerate(read.ids) if labels else ():
        if name in labels:
            mark_set[at] = sets.add(reader.marks(read.drawn_sets[read.drawn[at]], labels[name]))
    return replace(read, mark_set=mark_set)


def _kinds(read: Columns, indices: IntArray) -> Columns:
    """The columns with the kinds of the items at ``indices`` anew."""
    columns = (read.mark_set, read.territory_set, read.rated_set, read.min_age, read.sound)
    rows = list(zip(*(values[indices].tolist() for values in columns), strict=True))
    known = {row: read.kinds.add(Kind(*row)) for row in dict.fromkeys(rows)}
    kind = read.kind.copy()
    kind[indices] = [known[row] for row in rows]
    return replace(read, kind=kind)


def _drawn(catalogue: Catalogue, reader: Reader, sound: BoolArray, sets: Interned[Drawn]) -> IntArray:
    """What each record makes of labels; each distinct combination of field values is worked out once."""
    names = [LABELS, *reader.fields]
    rows = list(zip(*(_hashable(name, _values(catalogue, name, sound)) for name in names), strict=True))
    known: dict[tuple[Any, ...], tuple[int, bool]] = {}
    for row in rows:
        if row not in known:
            drawn, fine = reader.drawn(dict(zip(names, row, strict=True)))
            known[row] = sets.add(drawn), fine
    found = [known[row] for row in rows]
    sound &= np.array([entry[1] for entry in found], np.bool_)
    return np.array([entry[0] for entry in found], np.int32)


def _rated(catalogue: Catalogue, media: Sequence[str], sound: BoolArray, sets: Interned[Rated]) -> IntArray:
    kinds = _values(catalogue, "media_type", sound)
    ratings = _hashable("ratings", _values(catalogue, "ratings", sound))
    known: dict[tuple[Any, Any], int] = {}
    for pair in zip(ratings, kinds, strict=True):
        if pair not in known:
            known[pair] = sets.add(_rated_one(*pair, media))
    found = [known[pair] for pair in zip(ratings, kinds, strict=True)]
    return np.array(found, np.int32)


def _rated_one(given: Any, kind: Any, media: Sequence[str]) -> Rated:
    """The ratings of one item, compared; what is no text is a rating that nobody knows."""
    ratings = sorted({terms.plain(str(one)) for one in given} - {""}) if isinstance(given, tuple) else []
    return Rated(tuple(ratings), isinstance(kind, str) and terms.plain(kind) in media)


def _territory_column(catalogue: Catalogue, sets: Interned[Territories], sound: BoolArray) -> IntArray:
    column = np.zeros(len(catalogue), np.int32)
    known: dict[Any, tuple[int, bool]] = {}
    for at, given in enumerate(_hashable("territories", _values(catalogue, "territories", sound))):
        if given not in known:
            where, fine = _territories(given)
            known[given] = (sets.add(where), fine)
        column[at], fine = known[given]
        sound[at] &= fine
    return column


def _territories(given: tuple[Any, ...] | None) -> tuple[Territories, bool]:
    if given is None:
        return None, True
    codes = [value.strip().upper() if isinstance(value, str) else "" for value in given]
    places = [terms.territory(code) for code in codes if code not in terms.EVERYWHERE]
    where = None if len(places) < len(codes) else frozenset(place for place in places if place is not None)
    return where, None not in places


def _ages(catalogue: Catalogue) -> tuple[NDArray[np.int16], BoolArray]:
    """Minimum ages, 0 where none is given, and whether each is one."""
    years = catalogue.table["min_age"].to_numpy().astype(np.float64)
    fine = np.isnan(years) | ((years >= 0) & (years <= MAX_AGE))
    return np.where(fine & ~np.isnan(years), years, 0).astype(np.int16), fine


def _seconds(catalogue: Catalogue, name: str) -> TimeArray:
    """A time column in s UTC, NaN where null; dates that Python's datetime cannot hold are read too."""
    micros = catalogue.table[name].cast(pa.int64()).to_numpy()
    return np.asarray(micros.astype(np.float64) / 1e6, np.float64)


def _values(catalogue: Catalogue, name: str, sound: BoolArray) -> list[Any]:
    """A column as Python values; where its text is no UTF-8 the value is None and the item not sound."""
    try:
        return catalogue.column(name)
    except UnicodeDecodeError:
        return [_value(scalar, sound, at) for at, scalar in enumerate(catalogue.table[name])]


def _value(scalar: Any, sound: BoolArray, at: int) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        sound[at] = False
        return None


def _hashable(name: str, values: Iterable[Any]) -> list[Any]:
    """Lists as tuples; a list that safety reads may also be text parted by ``|``."""
    parted = name in JUDGED_LISTS
    return [
        tuple(value)
        if isinstance(value, list)
        else tuple(value.split("|"))
        if parted and isinstance(value, str)
        else value
        for value in values
    ]
