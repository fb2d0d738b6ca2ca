"""What a row has to be to enter the lake, table by table."""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.errors import DataError
from recsys.lake.parse import Parsed, parse_ids, parse_integer, parse_lists, parse_loose, parse_number, parse_text
from recsys.lake.read import Chunk, Column
from recsys.lake.schemas import FIELDS, STRINGS, TIME, plain, table_schema
from recsys.lake.times import parse_times
from recsys.types import BoolArray

IDS: Mapping[str, tuple[str, ...]] = {"events": ("user_id", "item_id"), "items": ("item_id",), "users": ("user_id",)}
SKEW = 86_400.0  # s that an event may be ahead of this machine's clock
_LIMITS = {"year": (-10_000, 10_000), "min_age": (0, 150), "order": (-(2**62), 2**62)}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file's columns become a table's: ``fields`` maps the table's names to the file's."""

    table: str
    fields: Mapping[str, str]
    schema: pa.Schema

    def parsers(self, latest: float) -> dict[str, Callable[[Column], Parsed]]:
        """The parser of every field that the file has; events after ``latest`` (s UTC) lie in the future."""
        types = {name: self.schema.field(name).type for name in self.fields}
        return {name: _parser(self.table, name, kind, latest) for name, kind in types.items()}


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that is not let in."""

    row: int  # from 1; a header is not counted
    reason: str
    user_id: str | None
    record: str  # JSON


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """A chunk after the checks: rows of the table's schema, and rows for the quarantine."""

    good: pa.Table
    bad: list[Bad]


def layout(
    table: str,
    path: Path,
    types: Mapping[str, pa.DataType],
    mapping: Mapping[str, str],
    existing: pa.Schema | None = None,
) -> Layout:
    """Match a file's columns with a table's; unknown ones have the type of the ``existing`` table, if it has them.

    A column without a name, such as the row numbers that pandas writes, is left out. Raises DataError where a needed
    column is missing, names differ in case only, or ``mapping`` gives a field another column than that of its name.
    """
    types = {column: kind for column, kind in types.items() if column.strip()}
    mapped = {name: column for name, column in mapping.items() if column in types}
    _refuse_hidden(path, types, mapped)
    fields = {name: mapped.get(name, name) for name in FIELDS[table] if name in mapped or name in types}
    for name in IDS[table]:
        if name not in fields:
            wanted = mapping.get(name, name)
            raise DataError(
                f"{path} has no column {wanted}, which {table} need as {name}; its columns are {', '.join(types)}. "
                f"Name the right one with --map {name}=COLUMN."
            )
    fields |= {name: column for name, column in mapped.items() if name not in fields}
    used = set(fields.values())
    fields |= {name: name for name in types if name not in used and name not in fields}
    known = FIELDS[table]
    loose = pa.string() if table == "users" else None
    columns = {name: known.get(name, loose or plain(types[column])) for name, column in fields.items()}
    if table == "events":
        columns = {"event_id": pa.string(), "kind": pa.string()} | columns
    given = table_schema(table, pa.schema(list(columns.items())), existing)
    return Layout(table, fields, pa.schema([given.field(name) for name in columns]))


def check(plan: Layout, chunk: Chunk, *, sha: str, now: float) -> Checked:
    """Split a chunk into rows to let in and rows to keep out, each with the first thing that is wrong with it.

    ``sha`` is the file's sha256, from which events without an id get one; ``now`` (s UTC) is what future means.
    """
    columns: dict[str, pa.Array] = {}
    reasons = ["fine"]
    why = np.zeros(len(chunk.rows), np.int16)  # (records,) index into reasons
    for name, parser in plan.parsers(now + SKEW).items():
        parsed = parser(chunk.columns[plan.fields[name]])
        columns[name] = parsed.values
        for what, where in parsed.faults:
            if where.any() and (name, what) != ("event_id", "is missing"):
                why[where & (why == 0)] = len(reasons)
                reasons.append(f"{name} {what}")
    keep = why == 0
    users = columns.get("user_id")
    bad = [
        Bad(int(chunk.rows[i]), reasons[why[i]], None if users is None else users[i].as_py(), chunk.record(i))
        for i in np.flatnonzero(~keep).tolist()
    ]
    bad += [Bad(broken.row, broken.reason, None, broken.record) for broken in chunk.malformed]
    if plan.table == "events":
        columns |= _event_defaults(columns, chunk, keep, sha)
    good = pa.table([columns[name].cast(plan.schema.field(name).type) for name in plan.schema.names], plan.schema)
    return Checked(good.filter(pa.array(keep)), sorted(bad, key=lambda row: row.row))


def row_ids(sha: str, rows: Iterable[int]) -> list[str]:
    """Ids of the rows of a file: 128 bits of the sha256 over the file's sha256 and the row, as hex."""
    start = hashlib.sha256(f"{sha}:".encode())
    ids = []
    for row in rows:
        digest = start.copy()
        digest.update(b"%d" % row)
        ids.append(digest.hexdigest()[:32])
    return ids


def _refuse_hidden(path: Path, types: Mapping[str, pa.DataType], mapped: Mapping[str, str]) -> None:
    for name, column in mapped.items():
        if name != column and name in types and name not in mapped.values():
            raise DataError(
                f"{path} has the column {name} itself beside {column}, which --map {name}={column} puts in its place. "
                f"Keep it under another name with --map OTHER={name}, or take it out of the file."
            )


def _event_defaults(columns: Mapping[str, pa.Array], chunk: Chunk, keep: BoolArray, sha: str) -> dict[str, pa.Array]:
    given = columns.get("event_id", pa.nulls(len(keep), pa.string()))
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(given), ""), True)
    kinds = columns.get("kind", pa.nulls(len(keep), pa.string()))
    no_kind = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(kinds), ""), True)
    result = {"event_id": given, "kind": pc.if_else(no_kind, "view", kinds)}
    if pc.any(blank).as_py():
        made = pa.array(row_ids(sha, chunk.rows.tolist()), pa.string())
        result["event_id"] = pc.if_else(blank, made, given)
    return result


def _parser(table: str, name: str, kind: pa.DataType, latest: float) -> Callable[[Column], Parsed]:
    if name in ("user_id", "item_id", "event_id"):
        return parse_ids
    if name not in FIELDS[table]:
        return partial(parse_loose, kind=kind)
    if kind == TIME:
        return partial(parse_times, latest=latest if table == "events" else math.inf)
    if kind == STRINGS:
        return parse_lists
    if kind == pa.float64():
        return parse_number
    if pa.types.is_integer(kind):
        low, high = _LIMITS[name]
        return partial(parse_integer, kind=kind, low=low, high=high)
    return parse_text
