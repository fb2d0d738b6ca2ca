"""The tables of the lake: their columns, their keys, and how foreign types become plain ones."""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from recsys.errors import DataError

TIME = pa.timestamp("us", tz="UTC")
STRINGS = pa.list_(pa.string())

EVENT_FIELDS: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "event_id": pa.string(),
        "user_id": pa.string(),
        "item_id": pa.string(),
        "kind": pa.string(),
        "timestamp": TIME,
        "order": pa.int64(),
        "value": pa.float64(),
        "session_id": pa.string(),
        "surface": pa.string(),
        "device": pa.string(),
        "request_id": pa.string(),
    }
)
ITEM_FIELDS: Mapping[str, pa.DataType] = MappingProxyType(
    {"item_id": pa.string()}
    | dict.fromkeys(("title", "description", "language", "media_type", "provider"), pa.string())
    | dict.fromkeys(("genres", "tags", "authors", "attributes", "labels", "territories"), STRINGS)
    | dict.fromkeys(("year", "min_age"), pa.int32())
    | dict.fromkeys(("available_from", "available_to", "embargo_until"), TIME)
)
USER_FIELDS: Mapping[str, pa.DataType] = MappingProxyType({"user_id": pa.string()})
QUARANTINE_FIELDS: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "row_id": pa.string(),  # from the file's sha256 and the row, so that a rerun adds nothing twice
        "table": pa.string(),
        "file": pa.string(),
        "row": pa.int64(),  # from 1; a header is not counted
        "reason": pa.string(),
        "user_id": pa.string(),  # null where the record has none that can be read; erasure looks here
        "record": pa.string(),  # the original as JSON, with the file's own column names
        "ingested_at": TIME,
    }
)
LABEL_FIELDS: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "id": pa.string(),
        "item_id": pa.string(),
        "item_version": pa.int64(),  # change number of the upsert that was looked at, 0 for the work as ingested
        "source": pa.string(),
        "label": pa.string(),
        "score": pa.float64(),
        "territory": pa.string(),  # null = everywhere
        "created": TIME,
        "expires": TIME,
        "negates": pa.bool_(),
        "evidence": pa.string(),
        "policy_version": pa.string(),
        "actor": pa.string(),
    }
)
FIELDS: Mapping[str, Mapping[str, pa.DataType]] = MappingProxyType(
    {
        "events": EVENT_FIELDS,
        "items": ITEM_FIELDS,
        "users": USER_FIELDS,
        "quarantine": QUARANTINE_FIELDS,
        "labels": LABEL_FIELDS,
    }
)
KEYS: Mapping[str, str] = MappingProxyType(
    {
        "events": "event_id",
        "items": "item_id",
        "users": "user_id",
        "quarantine": "row_id",
        "decisions": "decision_id",
        "labels": "id",
    }
)
UPSERTED = frozenset({"items", "users"})  # the last word counts; elsewhere the first one does
WHOLE = frozenset({"events", "quarantine", "labels"})  # always have all their known columns
NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "events": ("event_id", "user_id", "item_id", "kind"),
        "items": ("item_id",),
        "users": ("user_id",),
        "labels": ("id", "item_id", "source", "label"),
    }
)


def plain(kind: pa.DataType) -> pa.DataType:
    """The type under which an unknown column of type ``kind`` is kept; what Delta cannot hold becomes text."""
    types = pa.types
    if types.is_dictionary(kind):
        return plain(kind.value_type)
    if types.is_boolean(kind) or types.is_float32(kind) or types.is_float64(kind):
        return kind
    if types.is_integer(kind):
        return pa.string() if kind == pa.uint64() else pa.int64()
    if types.is_float16(kind):
        return pa.float32()
    if types.is_decimal(kind):
        return pa.float64()
    if types.is_timestamp(kind) or types.is_date(kind):
        return TIME
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inner = plain(kind.value_type)
        scalar = types.is_floating(inner) or types.is_string(inner) or inner == pa.int64()
        return pa.list_(inner) if scalar else pa.string()
    return pa.string()


def table_schema(name: str, given: pa.Schema, existing: pa.Schema | None) -> pa.Schema:
    """The schema that rows with columns ``given`` have in table ``name``: known types, then the table's, then plain.

    Raises DataError where a needed column is missing or two columns differ in case only.
    """
    known = FIELDS.get(name, {})
    columns = dict(known) if name in WHOLE else {c: t for c, t in known.items() if c in given.names}
    for column in NEEDED.get(name, (KEYS[name],)):
        if column not in given.names:
            raise DataError(f"Rows for the table {name} have no column {column}; add it before they are appended.")
    for field in given:
        if field.name not in columns:
            columns[field.name] = pa.string() if name == "users" else plain(field.type)
    for field in existing or ():
        if field.name in columns:
            columns[field.name] = _standard(field.type)
    _refuse_twins(name, [*columns, *(existing.names if existing is not None else ())])
    return pa.schema(list(columns.items()))


def conform(batch: pa.Table | pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    """The rows with exactly the columns of ``schema``; missing ones are null. Raises DataError if a cast loses data."""
    columns = []
    for field in schema:
        if field.name not in batch.schema.names:
            columns.append(pa.nulls(batch.num_rows, field.type))
            continue
        try:
            columns.append(batch.column(field.name).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            kind = batch.schema.field(field.name).type
            raise DataError(
                f"The column {field.name} is {kind} here and {field.type} in the lake, and does not convert "
                f"({str(error).splitlines()[0]}); give it another name or convert it first."
            ) from None
    return pa.table(columns, schema=schema)


def _standard(kind: pa.DataType) -> pa.DataType:
    """Arrow's view and large variants as the ordinary ones."""
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_standard(kind.value_type))
    return kind


def _refuse_twins(name: str, columns: list[str]) -> None:
    seen: dict[str, str] = {}
    for column in columns:
        twin = seen.setdefault(column.lower(), column)
        if twin != column:
            raise DataError(
                f"The columns {twin} and {column} of the table {name} differ in case only, which engines that read "
                f"the lake cannot tell apart; rename one, or use --map {twin}={column}."
            )
