"""A catalogue as the gate reads it: one number an item and field, garbage found once and marked."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.dataset.catalogue import Catalogue
from recsys.safety import terms
from recsys.safety.policy import MAX_AGE, Policy, Rule
from recsys.types import BoolArray, IntArray, TimeArray

V = TypeVar("V", bound=Hashable)
Labels = tuple[str, ...]  # sorted; empty = unlabelled
Territories = frozenset[str] | None  # None = everywhere, an empty set = nowhere


class Interned(Generic[V]):
    """Distinct values, each with a number; adding to a copy leaves the original as it is."""

    def __init__(self, values: Sequence[V] = ()) -> None:
        self.values = list(values)
        self._index = {value: at for at, value in enumerate(self.values)}

    def add(self, value: V) -> int:
        """The number of a value, which is kept if it is new."""
        at = self._index.setdefault(value, len(self.values))
        if at == len(self.values):
            self.values.append(value)
        return at


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The fields of every item that the gate decides by. All arrays are (items,) and never written to.

    ``min_age`` is the highest of the item's own, its labels' and its rules'; 0 where none is known.
    """

    ids: tuple[str, ...]
    label_set: IntArray  # into label_sets
    territory_set: IntArray  # into territory_sets
    min_age: NDArray[np.int16]  # years
    opens: TimeArray  # s UTC, -inf = at once
    closes: TimeArray  # s UTC, inf = never
    lifts: TimeArray  # s UTC, the embargo's end, -inf = none
    sound: BoolArray  # no field is garbage
    label_sets: tuple[Labels, ...] = ()
    territory_sets: tuple[Territories, ...] = ()

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


_ARRAYS = ("label_set", "territory_set", "min_age", "opens", "closes", "lifts", "sound")


def parse(catalogue: Catalogue, policy: Policy, base: Columns | None = None) -> Columns:
    """Read the fields of a catalogue, labelling items by the pack's rules.

    Garbage marks its item as not sound, which the gate holds: a missing id, a label or territory that is broken, an
    age outside 0–99, a window that ends before it starts, text that is no UTF-8. ``territories`` null means everywhere
    and an empty list nowhere; ``labels`` null or empty means unlabelled.
    """
    labels = Interned(base.label_sets if base else ())
    territories = Interned(base.territory_sets if base else ())
    sound = np.ones(len(catalogue), np.bool_)
    ids = _values(catalogue, "item_id", sound)
    sound &= np.array([isinstance(item, str) and item != "" for item in ids], np.bool_)
    label_set, rule_age = _label_columns(catalogue, policy, labels, sound)
    age, age_sound = _ages(catalogue)
    opens, closes, lifts = (_seconds(catalogue, name) for name in ("available_from", "available_to", "embargo_until"))
    territory_set = _territory_column(catalogue, territories, sound)
    sound &= age_sound & ~(opens > closes)
    return Columns(
        ids=tuple(item if isinstance(item, str) else "" for item in ids),
        label_set=label_set,
        territory_set=territory_set,
        min_age=np.maximum(age, rule_age),
        opens=np.nan_to_num(opens, nan=-np.inf, posinf=np.inf, neginf=-np.inf),
        closes=np.nan_to_num(closes, nan=np.inf, posinf=np.inf, neginf=-np.inf),
        lifts=np.nan_to_num(lifts, nan=-np.inf, posinf=np.inf, neginf=-np.inf),
        sound=sound,
        label_sets=tuple(labels.values),
        territory_sets=tuple(territories.values),
    )


@dataclass(slots=True)
class _Described:
    """What labels and rules make of one combination of field values."""

    labels: set[str] = field(default_factory=set)
    min_age: int = 0
    sound: bool = True


def _label_columns(
    catalogue: Catalogue, policy: Policy, sets: Interned[Labels], sound: BoolArray
) -> tuple[IntArray, NDArray[np.int16]]:
    """Label sets and the minimum ages that come from them; each distinct combination is worked out once."""
    names = ["labels", *sorted({rule.field for rule in policy.rules if rule.field})]
    rows = list(zip(*(_hashable(_values(catalogue, name, sound)) for name in names), strict=True))
    known: dict[tuple[Any, ...], tuple[int, int, bool]] = {}
    for row in rows:
        if row not in known:
            item = _describe(dict(zip(names, row, strict=True)), policy)
            known[row] = (sets.add(tuple(sorted(item.labels))), item.min_age, item.sound)
    found = [known[row] for row in rows]
    sound &= np.array([entry[2] for entry in found], np.bool_)
    return np.array([entry[0] for entry in found], np.int32), np.array([entry[1] for entry in found], np.int16)


def _describe(row: dict[str, Any], policy: Policy) -> _Described:
    item = _Described()
    for value in row["labels"] or ():
        name = terms.label(value)
        item.sound = item.sound and name is not None
        item.labels |= {name} if name else set()
    for rule in policy.rules:
        if _applies(rule, row, item.labels):
            item.labels |= set(rule.labels)
            item.min_age = max(item.min_age, rule.min_age or 0)
    for name in item.labels & policy.labels.keys():
        item.min_age = max(item.min_age, policy.labels[name].min_age or 0)
    return item


def _applies(rule: Rule, row: dict[str, Any], labels: set[str]) -> bool:
    if rule.field is None:
        return not labels
    given = row[rule.field]
    values = {terms.plain(v) for v in ((given,) if isinstance(given, str) else given or ()) if isinstance(v, str)}
    return not values.isdisjoint(rule.any_of) and values.isdisjoint(rule.none_of)


def _territory_column(catalogue: Catalogue, sets: Interned[Territories], sound: BoolArray) -> IntArray:
    column = np.zeros(len(catalogue), np.int32)
    known: dict[Any, tuple[int, bool]] = {}
    for at, given in enumerate(_hashable(_values(catalogue, "territories", sound))):
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
    fine = all(code in terms.EVERYWHERE or terms.territory(code) for code in codes)
    return (None if terms.EVERYWHERE.intersection(codes) else frozenset(codes)), fine


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


def _hashable(values: Iterable[Any]) -> list[Any]:
    return [tuple(value) if isinstance(value, list) else value for value in values]
