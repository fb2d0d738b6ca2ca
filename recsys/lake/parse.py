"""One column of a file as a column of the lake, with a mask for every way in which a value can be wrong."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.lake.read import Column
from recsys.lake.schemas import STRINGS, plain
from recsys.types import BoolArray

MAX_ID = 256  # characters
_UNKNOWN = object()
Faults = tuple[tuple[str, BoolArray], ...]  # what is wrong, and (records,) where


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """The values of one column, null where they are faulty or not given."""

    values: pa.Array  # (records,)
    faults: Faults = field(default=())


def parse_ids(raw: Column) -> Parsed:
    """External ids as text without space around it: the numbers 1 and 1.0 are "1"; true and 1.5 are no ids.

    Text stays as it is written, so that "1.0" and "007" in a CSV file are not "1" and "7".
    """
    text, wrong = _texts(raw, identity=True)
    text = pc.utf8_trim_whitespace(text)
    blank = _mask(pc.equal(text, "")) | np.asarray(text.is_null(), bool)
    return Parsed(
        text,
        (
            ("has the wrong type", wrong),
            ("is missing", blank & ~wrong),
            (f"is longer than {MAX_ID} characters", _mask(pc.greater(pc.utf8_length(text), MAX_ID))),
            ("holds control characters", _mask(pc.match_substring_regex(text, r"[\x00-\x1f\x7f]"))),
        ),
    )


def parse_text(raw: Column) -> Parsed:
    """Any scalar as text."""
    text, wrong = _texts(raw)
    return Parsed(text, (("has the wrong type", wrong),))


def parse_number(raw: Column) -> Parsed:
    """float64; text is read as a number."""
    values, wrong = _numbers(raw)
    return Parsed(
        pa.array(values, pa.float64(), mask=np.asarray(wrong | np.isnan(values))),
        (
            ("is not a number", wrong),
            ("is not a finite number", ~np.isfinite(values) & ~wrong & ~_absent(raw)),
        ),
    )


def parse_integer(raw: Column, kind: pa.DataType, low: int, high: int) -> Parsed:
    """Whole numbers in [low, high]; NaN is how pandas writes an unknown one, and counts as null."""
    if isinstance(raw, pa.Array):
        try:
            exact = _decoded(raw).cast(pa.int64()) if not pa.types.is_floating(raw.type) else None
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            exact = None
        if exact is not None and not pa.types.is_temporal(raw.type):
            outside = _mask(pc.or_(pc.less(exact, low), pc.greater(exact, high)))
            return Parsed(_without(exact, outside).cast(kind), (("is out of range", outside),))
    values, wrong = _numbers(raw)
    known = ~np.isnan(values)
    outside = known & ((values < low) | (values > high))
    broken = known & ~outside & (values != np.floor(values))
    usable = known & ~outside & ~broken & ~wrong
    whole = np.where(usable, values, 0).astype(np.int64)
    faults = (("is not a number", wrong), ("is out of range", outside), ("is not a whole number", broken))
    return Parsed(pa.array(whole, mask=~usable).cast(kind), faults)


def parse_lists(raw: Column) -> Parsed:
    """Lists of text; text is split at ``|``, blank parts are dropped."""
    values = raw if isinstance(raw, list) else _decoded(raw).to_pylist()
    lists = [_list(value) for value in values]
    wrong = np.array([value is _UNKNOWN for value in lists], bool)
    return Parsed(
        pa.array([None if value is _UNKNOWN else value for value in lists], STRINGS), (("has the wrong type", wrong),)
    )


def parse_loose(raw: Column, kind: pa.DataType) -> Parsed:
    """A column nobody knows, kept under the plain type ``kind``; under text, what is no scalar becomes JSON."""
    if kind == STRINGS:
        return parse_lists(raw)
    if kind == pa.string():
        return Parsed(pa.array(_json_texts(raw), pa.string()))
    if not isinstance(raw, list):
        try:
            return Parsed(_decoded(raw).cast(kind))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # one by one
            raw = _decoded(raw).to_pylist()
    values = [_cast(value, kind) for value in raw]
    wrong = np.array([value is _UNKNOWN for value in values], bool)
    kept = pa.array([None if value is _UNKNOWN else value for value in values], kind)
    return Parsed(kept, (("has the wrong type", wrong),))


def _cast(value: Any, kind: pa.DataType) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value) and not pa.types.is_floating(kind)):
        return None
    try:
        return pa.scalar(float(value) if pa.types.is_floating(kind) else value).cast(kind).as_py()
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return _UNKNOWN


def _json_texts(raw: Column) -> list[str | None]:
    if not isinstance(raw, list) and plain(raw.type) == pa.string() and not pa.types.is_nested(raw.type):
        text, _ = _texts(raw)
        return text.to_pylist()  # type: ignore[no-any-return]
    values = raw if isinstance(raw, list) else _decoded(raw).to_pylist()
    return [_json_text(value) for value in values]


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "|".join(value)
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _texts(raw: Column, *, identity: bool = False) -> tuple[pa.Array, BoolArray]:
    """Scalars as text, and where the value is of a type that has none."""
    narrow = _decoded(_narrow(raw))
    if not isinstance(narrow, list):
        kind = narrow.type
        if pa.types.is_null(kind) or pa.types.is_integer(kind) or _is_text(kind) or pa.types.is_decimal(kind):
            try:
                text = narrow.cast(pa.string())
                return text, np.zeros(len(text), bool)
            except pa.ArrowInvalid:  # bytes that are not UTF-8: one by one
                pass
        narrow = narrow.to_pylist()
    values = [_text(value, identity) for value in narrow]
    wrong = np.array([value is _UNKNOWN for value in values], bool)
    return pa.array([None if value is _UNKNOWN else value for value in values], pa.string()), wrong


def _text(value: Any, identity: bool) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return _UNKNOWN
    if isinstance(value, bool):
        return _UNKNOWN if identity else str(value).lower()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else _UNKNOWN if identity else repr(value)
    if isinstance(value, (list, dict, tuple)):
        return _UNKNOWN
    return str(value) if isinstance(value, int) or not identity else _UNKNOWN


def _numbers(raw: Column) -> tuple["np.ndarray[Any, np.dtype[np.float64]]", BoolArray]:
    """float64 with NaN for what is null or no number, and where it is no number."""
    narrow = _decoded(_narrow(raw))
    if not isinstance(narrow, list) and not pa.types.is_temporal(narrow.type) and not pa.types.is_nested(narrow.type):
        try:
            values = np.array(pc.cast(narrow, pa.float64()).to_numpy(zero_copy_only=False), np.float64)
            return values, np.zeros(len(values), bool)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # one by one
            pass
    listed = narrow if isinstance(narrow, list) else narrow.to_pylist()
    numbers = [_number(value) for value in listed]
    wrong = np.array([number is None for number in numbers], bool)
    return np.array([math.nan if number is None else number for number in numbers], np.float64), wrong


def _number(value: Any) -> float | None:
    if value is None:
        return math.nan
    if isinstance(value, (bool, int, float)) or (isinstance(value, str) and "_" not in value):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return None
    return None


def _list(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        value = value.split("|")
    parts = value if isinstance(value, list) else [value]
    if any(isinstance(part, (list, dict, tuple, bytes)) for part in parts):
        return _UNKNOWN
    texts = [_text(part, False) for part in parts]
    return [text.strip() for text in texts if text and text.strip()]


def _narrow(raw: Column) -> Column:
    """Values of one JSON type as an Arrow array; others stay a list."""
    if not isinstance(raw, list):
        return raw
    types = set(map(type, raw)) - {type(None)}
    if len(types) > 1 or types & {list, dict}:
        return raw
    try:
        return pa.array(raw, from_pandas=False)
    except (pa.ArrowInvalid, OverflowError):  # an integer beyond 64 bits
        return raw


def _decoded(raw: Any) -> Any:
    """A dictionary column as its values; anything else as it is."""
    return raw.dictionary_decode() if not isinstance(raw, list) and pa.types.is_dictionary(raw.type) else raw


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    texts: tuple[Callable[[pa.DataType], bool], ...] = (
        types.is_string,
        types.is_large_string,
        types.is_string_view,
        types.is_binary,
        types.is_large_binary,
    )
    return any(is_kind(kind) for is_kind in texts)


def _absent(raw: Column) -> BoolArray:
    if isinstance(raw, list):
        return np.array([value is None for value in raw], bool)
    return np.asarray(raw.is_null(), bool)


def _mask(condition: pa.Array) -> BoolArray:
    return np.asarray(pc.fill_null(condition, False), bool)


def _without(values: pa.Array, drop: BoolArray) -> pa.Array:
    return pc.if_else(pa.array(drop), pa.scalar(None, values.type), values)
