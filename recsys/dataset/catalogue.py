"""The items of a bundle in index order: one Arrow table with the fields of the items format."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recsys.dataset.ids import IdMap
from recsys.errors import DataError
from recsys.types import FloatArray, TimeArray

LIST_FIELDS = ("genres", "tags", "authors", "attributes", "labels", "territories")
TIME_FIELDS = ("available_from", "available_to", "embargo_until")
NUMBER_FIELDS = ("year", "min_age")
VECTOR = pa.list_(pa.float32())
SERIES_FIELDS = {"series": pa.string(), "season": pa.int64(), "episode": pa.int64()}  # kept where a source gives them
TEXT_FIELDS = ("title", "description", "language", "media_type", "provider")
JUDGED_LISTS = ("ratings", "descriptors")  # what safety reads where a source has it: lists, or text parted by "|"
JUDGED_TEXTS = ("licence", "artwork")
ITEM_SCHEMA = pa.schema(
    [pa.field("item_id", pa.string(), nullable=False)]
    + [pa.field(name, pa.string()) for name in TEXT_FIELDS]
    + [pa.field(name, pa.list_(pa.string())) for name in LIST_FIELDS]
    + [pa.field(name, pa.int32()) for name in NUMBER_FIELDS]
    + [pa.field(name, pa.timestamp("us", tz="UTC")) for name in TIME_FIELDS]
)


class Catalogue:
    """Items by dense index: row ``i`` is item ``i``. Fields that no source gave are null.

    ``table`` always has the columns of ITEM_SCHEMA first, unknown columns behind them.
    A null in ``labels`` means unlabelled, which is not the same as harmless.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = _conform(table)

    @classmethod
    def from_records(cls, records: Sequence[Mapping[str, Any]]) -> "Catalogue":
        """A catalogue of dicts, for tests and for items that come in over HTTP."""
        columns = {name: [row.get(name) for row in records] for name in ITEM_SCHEMA.names}
        table = pa.table(columns, schema=ITEM_SCHEMA)
        for name in (*JUDGED_LISTS, *JUDGED_TEXTS):
            values = [row.get(name) for row in records]
            if any(value is not None for value in values):
                listed = name in JUDGED_LISTS
                column = [_parted(value) for value in values] if listed else values
                table = table.append_column(name, pa.array(column, pa.list_(pa.string()) if listed else pa.string()))
        for name in sorted({name for row in records for name in row if is_vector(name)}):
            table = table.append_column(name, pa.array([row.get(name) for row in records], VECTOR))
        for name, kind in SERIES_FIELDS.items():
            if any(row.get(name) is not None for row in records):
                table = table.append_column(name, pa.array([row.get(name) for row in records], kind))
        return cls(table)

    @classmethod
    def bare(cls, ids: Sequence[str]) -> "Catalogue":
        """A catalogue of ids alone, for logs without an items file."""
        return cls(pa.table({"item_id": pa.array(ids, pa.string())}))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def ids(self) -> IdMap:
        """External ids in index order."""
        return IdMap(self.table["item_id"].to_pylist())

    def column(self, name: str) -> list[Any]:
        """One field of every item as Python values; all None where no source gave it."""
        if name not in self.table.column_names:
            return [None] * len(self)
        values: list[Any] = self.table[name].to_pylist()
        return values

    def lists(self, name: str) -> list[list[str] | None]:
        """A list field of every item; None where it is unknown."""
        return self.column(name)

    def numbers(self, name: str) -> FloatArray:
        """A number field of every item (items,); NaN where it is unknown."""
        return np.array([np.nan if v is None else v for v in self.column(name)], np.float32)

    def times(self, name: str) -> TimeArray:
        """A time field of every item (items,) in s UTC; NaN where it is unknown."""
        return np.array([np.nan if v is None else v.timestamp() for v in self.column(name)], np.float64)

    @cached_property
    def vector_names(self) -> tuple[str, ...]:
        """The columns that hold embeddings of another system: ``vector`` and ``vector_NAME``."""
        return tuple(name for name in self.table.column_names if is_vector(name))

    def vectors(self, name: str, width: int | None = None, *, strict: bool = True) -> FloatArray:
        """(items, width) a vector column in rows of length 1, zero where an item has none or only zeros.

        ``width`` None takes that of the first item that has one. DataError names an item with another width, with what
        is no finite number, or with something that is no list of numbers; where it is not ``strict``, an item with
        another width has none.
        """
        given = [_numbers(value, name, item) for item, value in zip(self.ids.ids, self.column(name), strict=True)]
        if width is None:
            width = next((len(values) for values in given if values is not None), 0)
        rows = np.zeros((len(given), width), np.float64)
        for at, values in enumerate(given):
            if values is None:
                continue
            if len(values) != width and not strict:
                continue
            if len(values) != width:
                raise DataError(f"{name} of item {self.ids[at]!r} has {len(values)} numbers, the others have {width}.")
            rows[at] = values
        largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)  # first, so that no square overflows
        rows = np.divide(rows, largest, out=np.zeros_like(rows), where=largest > 0)
        norm = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: FloatArray = np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 0).astype(np.float32)
        return unit

    def record(self, index: int) -> dict[str, Any]:
        """One item as a dict of the fields that are known."""
        row: dict[str, Any] = self.table.slice(index, 1).to_pylist()[0]
        return {name: value for name, value in row.items() if value is not None}

    def extended(self, other: "Catalogue") -> "Catalogue":
        """This catalogue with the items of ``other`` behind it."""
        return Catalogue(pa.concat_tables([self.table, other.table], promote_options="default"))

    def save(self, path: Path) -> None:
        """Write an uncompressed Arrow file, which workers map and share."""
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, self.table.schema) as writer:
            writer.write_table(self.table)

    @classmethod
    def load(cls, path: Path) -> "Catalogue":
        """Map what ``save`` wrote."""
        return cls(pa.ipc.open_file(pa.memory_map(str(path))).read_all())


def _parted(value: Any) -> Any:
    """A list as it is; text is one, parted by ``|``."""
    return value.split("|") if isinstance(value, str) else value


def is_vector(name: str) -> bool:
    """Whether a column of this name holds vectors."""
    return name == "vector" or name.startswith("vector_")


def _numbers(value: Any, name: str, item: str) -> NDArray[np.float64] | None:
    """A list of numbers, or text of numbers parted by ``|``, commas or spaces; None where it is unknown or empty."""
    if isinstance(value, str):
        value = re.split(r"[|,\s]+", value.strip("[] \t")) if value.strip("[] \t") else None
    if value is None or len(value) == 0:
        return None
    try:
        numbers = np.array(value, np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name} of item {item!r} is no list of numbers; give one such as 0.1|0.2.") from None
    if not np.isfinite(numbers).all():
        raise DataError(f"{name} of item {item!r} holds a number that is not finite; leave the vector out or mend it.")
    return numbers


def _conform(table: pa.Table) -> pa.Table:
    """Known columns cast and put first; missing ones added as nulls."""
    if "item_id" not in table.column_names:
        raise DataError("The items table has no column item_id; map one with --map item_id=COLUMN.")
    columns: dict[str, Any] = {}
    for field in ITEM_SCHEMA:
        if field.name in table.column_names:
            columns[field.name] = _cast(table[field.name], field)
        else:
            columns[field.name] = pa.nulls(table.num_rows, field.type)
    for name in table.column_names:
        if name not in columns:
            column = table[name]
            listed = is_vector(name) and not pa.types.is_string(column.type)
            columns[name] = _cast(column, pa.field(name, VECTOR)) if listed else column
    return pa.table(columns)


def _cast(column: Any, field: Any) -> Any:
    try:
        return column if column.type == field.type else column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"Column {field.name} of the items is {column.type} and cannot be read as {field.type}: {error}."
        ) from None
