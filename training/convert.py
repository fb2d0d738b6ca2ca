"""A delimited text file of a data set as a table in the neutral format."""

import csv
import html
import io
import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from recsys.errors import DataError
from recsys.lake.schemas import FIELDS, STRINGS, TIME


class Implicit(BaseModel):
    """Events of this value are no ratings: they get this kind, and no value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: str
    kind: str


class Table(BaseModel):
    """One file of a data set, and what its columns are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    member: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    columns: dict[str, str]  # field: the file's column
    delimiter: str = ","
    encoding: str = "utf-8"
    escape: str | None = None
    quoted: bool = True
    entities: bool = False
    constants: dict[str, str] = {}
    separators: dict[str, str] = {}
    nulls: dict[str, list[str]] = {}
    implicit: Implicit | None = None
    year_in_title: bool = False


def convert(name: str, table: Table, text: str) -> pa.Table:
    """The table ``name`` of a file's text: fields typed as in the lake, others as text.

    Raises DataError where a column is missing or a value is not of its field's type.
    """
    header, records = _records(table, text)
    fields: dict[str, list[str | None]] = {}
    for field, column in table.columns.items():
        if column not in header:
            raise DataError(f"{table.member} has no column {column} for {field}; its columns are {', '.join(header)}.")
        unknown = {"", *table.nulls.get(field, ())}
        at = header.index(column)
        fields[field] = [None if record[at] in unknown else record[at] for record in records]
    for field, constant in table.constants.items():
        fields[field] = [constant] * len(records)
    if table.year_in_title:
        _move_year(fields)
    if table.implicit is not None:
        _set_apart(fields, table.implicit)
    return pa.table({field: _typed(name, table, field, values) for field, values in fields.items()})


def _records(table: Table, text: str) -> tuple[list[str], list[list[str]]]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=table.delimiter,
        escapechar=table.escape,
        quoting=csv.QUOTE_MINIMAL if table.quoted else csv.QUOTE_NONE,
    )
    header = next(reader)
    records = [record for record in reader if record]
    for number, record in enumerate(records, start=1):
        if len(record) != len(header):
            raise DataError(f"{table.member}, row {number}: {len(record)} fields where the header has {len(header)}.")
    if table.entities:
        records = [[html.unescape(value) if "&" in value else value for value in record] for record in records]
    return header, records


def _move_year(fields: dict[str, list[str | None]]) -> None:
    for row, title in enumerate(fields["title"]):
        found = re.fullmatch(r"(.+) \((\d{4})\)", title or "")
        if found:
            fields["title"][row] = found[1]
            fields["year"][row] = fields["year"][row] or found[2]


def _set_apart(fields: dict[str, list[str | None]], implicit: Implicit) -> None:
    for row, value in enumerate(fields["value"]):
        if value == implicit.value:
            fields["kind"][row] = implicit.kind
            fields["value"][row] = None


def _typed(name: str, table: Table, field: str, values: list[str | None]) -> pa.Array:
    kinds: Mapping[str, pa.DataType] = FIELDS[name]
    kind = kinds.get(field, pa.string())
    converted: list[Any] = values
    try:
        if kind == STRINGS:
            separator = table.separators.get(field)
            converted = [
                None if value is None else value.split(separator) if separator else [value] for value in values
            ]
        elif kind == TIME:
            converted = [None if value is None else round(float(value) * 1e6) for value in values]
        elif kind != pa.string():
            converted = [None if value is None else float(value) for value in values]
            return pa.array(converted, pa.float64()).cast(kind)
        return pa.array(converted, kind)
    except (ValueError, pa.ArrowInvalid) as error:
        raise DataError(f"{table.member}: the field {field} does not convert ({error}).") from None
