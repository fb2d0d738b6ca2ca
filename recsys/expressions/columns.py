"""A catalogue as expressions read it: one encoded column a field, made when it is first asked for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.dataset.catalogue import SERIES_FIELDS, Catalogue, is_vector
from recsys.expressions.tree import Kind
from recsys.types import BoolArray, IntArray

UNREAD = frozenset({"description"})  # prose: too long to be held twice
SAMPLE, MOSTLY = 1_000, 0.9  # rows looked at, and which share of them has to differ, to hold a column as it is
MICROSECONDS = pa.timestamp("us", tz="UTC")
ARROW: Mapping[Kind, pa.DataType] = {
    "text": pa.string(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "time": MICROSECONDS,
    "list": pa.list_(pa.string()),
}


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """A text of every row: some values, and which of them a row has. A value may be there twice."""

    values: pa.Array  # (values,) strings, no null
    codes: IntArray  # (rows,) -1 where unknown

    def patched(self, rows: "Texts", take: IntArray) -> "Texts":
        """These rows and ``rows`` behind them, of which those at ``take`` are kept in that order."""
        shifted = np.where(rows.codes < 0, np.int32(-1), rows.codes + np.int32(len(self.values)))
        values = pa.concat_arrays([self.values, rows.values])
        return Texts(values, np.concatenate([self.codes, shifted])[take])


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """A number, flag or time (whole µs since 1970 UTC) of every row."""

    values: NDArray[Any]  # (rows,) float64, bool or int64
    known: BoolArray  # (rows,)

    def patched(self, rows: "Plain", take: IntArray) -> "Plain":
        """As of Texts."""
        return Plain(np.concatenate([self.values, rows.values])[take], np.concatenate([self.known, rows.known])[take])


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """A list of texts of every row, as slices of one flat list."""

    values: pa.Array  # (distinct,) strings, no null
    codes: IntArray  # (elements,) into values
    starts: IntArray  # (rows,) into codes
    sizes: IntArray  # (rows,) -1 where unknown

    def patched(self, rows: "Lists", take: IntArray) -> "Lists":
        """As of Texts."""
        return Lists(
            pa.concat_arrays([self.values, rows.values]),
            np.concatenate([self.codes, rows.codes + np.int32(len(self.values))]),
            np.concatenate([self.starts, rows.starts + np.int32(len(self.codes))])[take],
            np.concatenate([self.sizes, rows.sizes])[take],
        )


Column = Texts | Plain | Lists


class Columns:
    """The fields of every item, those upserted since the catalogue included. Safe to share between threads.

    ``kinds`` are the fields that an expression may use: all that hold texts, numbers, flags, times or lists of texts,
    but for the description, which is prose.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._base: Columns | None = None
        self._take = np.zeros(0, np.int32)
        self._records: Sequence[Mapping[str, Any]] = ()
        self._columns: dict[str, Column] = {}
        self._rows = len(catalogue)
        self.kinds: Mapping[str, Kind] = kinds_of(catalogue)

    def __len__(self) -> int:
        return self._rows

    def patched(self, changed: Mapping[int, Mapping[str, Any]], added: Sequence[Mapping[str, Any]]) -> "Columns":
        """These items with some replaced, by index, and others put behind. What was encoded of these is used again."""
        other = Columns.__new__(Columns)
        size = len(self)
        other._catalogue, other._base, other._columns, other.kinds = self._catalogue, self, {}, self.kinds
        other._rows = size + len(added)
        other._records = [*added, *changed.values()]
        other._take = np.arange(other._rows, dtype=np.int32)
        other._take[list(changed)] = other._rows + np.arange(len(changed), dtype=np.int32)
        return other

    def column(self, name: str) -> Column:
        """One field of every item; two threads may encode it twice, which does no harm. KeyError if it is unknown."""
        if name not in self._columns:
            self._columns[name] = self._made(name, self.kinds[name])
        return self._columns[name]

    def encode(self) -> None:
        """Encode all fields now, so that no request has to wait for it."""
        for name in self.kinds:
            self.column(name)

    def _made(self, name: str, kind: Kind) -> Column:
        if self._base is None and name not in self._catalogue.table.column_names:
            return from_values([None] * len(self), kind)
        if self._base is None:
            return encoded(self._catalogue.table[name], kind)
        rows = from_values([record.get(name) for record in self._records], kind)
        # One of the three kinds of column on both sides: the kind of a field does not change.
        return self._base.column(name).patched(rows, self._take)  # type: ignore[arg-type]


def kinds_of(catalogue: Catalogue) -> dict[str, Kind]:
    """The fields of a catalogue that expressions may use; those of series also where only upserted items have them."""
    schema = catalogue.table.schema
    missing = [pa.field(name, kind) for name, kind in SERIES_FIELDS.items() if name not in schema.names]
    fields = [*schema, *missing]
    kinds = {field.name: kind for field in fields if (kind := _kind(field.type)) is not None}
    return {name: kind for name, kind in kinds.items() if name not in UNREAD and not is_vector(name)}


def _kind(arrow: pa.DataType) -> Kind | None:
    types = pa.types
    if types.is_string(arrow) or types.is_large_string(arrow):
        return "text"
    if types.is_boolean(arrow):
        return "flag"
    if types.is_integer(arrow) or types.is_floating(arrow):
        return "number"
    if types.is_timestamp(arrow):
        return "time"
    if types.is_list(arrow) and types.is_string(arrow.value_type):
        return "list"
    return None


def encoded(values: Any, kind: Kind) -> Column:
    """An Arrow column as expressions read it. NaN is unknown; nulls within a list are left out."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(array, pa.ChunkedArray):  # of no chunk, or of too much text for one
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    array = array.cast(ARROW[kind], safe=False)
    if kind == "text":
        return Texts(*_dictionary(array))
    if kind == "list":
        return _lists(array)
    known = np.asarray(array.is_valid().to_numpy(zero_copy_only=False), np.bool_)
    if kind == "time":
        return Plain(array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), known)
    if kind == "flag":
        return Plain(array.fill_null(False).to_numpy(zero_copy_only=False), known)
    numbers = array.fill_null(math.nan).to_numpy(zero_copy_only=False)
    return Plain(numbers, known & ~np.isnan(numbers))


def from_values(values: Sequence[Any], kind: Kind) -> Column:
    """Python values as a column; one of another kind is unknown."""
    return encoded(pa.array([checked(value, kind) for value in values], ARROW[kind]), kind)


def checked(value: Any, kind: Kind) -> Any:
    """A value if it is of ``kind``, else None; what is no text within a list is left out."""
    match kind:
        case "text":
            return value if _is_text(value) else None
        case "flag":
            return value if isinstance(value, bool) else None
        case "number":
            return _number(value)
        case "time":
            return value if isinstance(value, datetime) and value.tzinfo is not None else None
        case "list":
            listed = isinstance(value, list | tuple | set | frozenset)
            return [element for element in value if _is_text(element)] if listed else None


def _is_text(value: Any) -> bool:
    """Whether a value is text that UTF-8 can hold."""
    if not isinstance(value, str):
        return False
    return value.isascii() or not any("\ud800" <= character < "\ue000" for character in value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return None if math.isnan(number) else number


def _dictionary(array: Any) -> tuple[Any, IntArray]:
    """(distinct values, codes); the code of a null is -1. Where nearly all differ, the array itself, not copied."""
    sample = array[:SAMPLE]
    if len(array) > SAMPLE and len(pc.unique(sample)) > MOSTLY * SAMPLE:
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        values = array.fill_null("") if array.null_count else array
        return values, np.where(valid, np.arange(len(array), dtype=np.int32), np.int32(-1))
    found = pc.dictionary_encode(array)
    return found.dictionary, np.asarray(found.indices.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)


def _lists(array: Any) -> Lists:
    sizes = np.asarray(pc.list_value_length(array).fill_null(-1).to_numpy(zero_copy_only=False), np.int32)
    flat = pc.list_flatten(array)  # without those of null lists
    parents = np.repeat(np.arange(len(array), dtype=np.int32), np.maximum(sizes, 0))
    values, codes = _dictionary(flat)
    sound = codes >= 0
    filled = np.bincount(parents[sound], minlength=len(array)).astype(np.int32)
    starts = (np.cumsum(filled) - filled).astype(np.int32)
    return Lists(values, codes[sound], starts, np.where(sizes < 0, np.int32(-1), filled))
