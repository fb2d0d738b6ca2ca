"""The items of a bundle in index order: one Arrow table with the fields of the items format."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsys.dataset.ids import IdMap
from recsys.errors import DataError
from recsys.types import FloatArray, TimeArray

LIST_FIELDS = ("genres", "tags", "authors", "attributes", "labels", "territories")
TIME_FIELDS = ("available_from", "available_to", "embargo_until")
NUMBER_FIELDS = ("year", "min_age")
TEXT_FIELDS = ("title", "description", "language", "media_type", "provider")
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
        return cls(pa.table(columns, schema=ITEM_SCHEMA))

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
            columns[name] = table[name]
    return pa.table(columns)


def _cast(column: Any, field: Any) -> Any:
    try:
        return column if column.type == field.type else column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"Column {field.name} of the items is {column.type} and cannot be read as {field.type}: {error}."
        ) from None
