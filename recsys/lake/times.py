"""Times of any spelling as microseconds since 1970 UTC: ISO 8601, or an epoch whose unit shows in its magnitude.

Eight digits are a date (20240131), in text and as a number alike: as an epoch they would lie in 1970 to 1973.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recsys.lake.parse import Parsed
from recsys.lake.read import Column
from recsys.lake.schemas import TIME
from recsys.types import BoolArray

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999  # µs: years 1 and 9999
_SECONDS, _MILLIS, _MICROS = 10**11, 10**14, 10**17  # an epoch below each is in that unit
_DATES = range(10_000_000, 100_000_000)
_PER_UNIT = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}  # times, divided by


def parse_times(raw: Column, latest: float = math.inf) -> Parsed:
    """µs UTC; naive times are UTC. ``latest`` (s UTC): what lies after it is a fault."""
    micros, wrong, null = _micros(raw)
    wrong |= ~null & ((micros < _FIRST) | (micros > _LAST))
    late = ~wrong & ~null & (micros > latest * 1e6)
    values = pa.array(np.where(wrong | null, 0, micros), mask=wrong | null).cast(TIME)
    return Parsed(values, (("cannot be read as a time", wrong), ("lies in the future", late)))


def _micros(raw: Column) -> tuple[NDArray[np.int64], BoolArray, BoolArray]:
    """(records,) µs, where there is no reading it, and where there is nothing to read."""
    if isinstance(raw, list):
        return _each(raw)
    if pa.types.is_dictionary(raw.type):
        raw = raw.dictionary_decode()
    null = np.asarray(raw.is_null(), bool)
    if pa.types.is_date(raw.type):
        raw = raw.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(raw.type):
        times, divided = _PER_UNIT[raw.type.unit]
        ticks = _ints(raw)
        outside = np.abs(ticks.astype(np.float64)) * times / divided > _LAST
        return np.where(outside, 0, ticks) * times // divided, outside, null
    if pa.types.is_integer(raw.type):
        micros, wrong = _by_magnitude(_ints(raw))
        return micros, wrong & ~null, null
    fast = _fast(raw) if pa.types.is_string(raw.type) or pa.types.is_large_string(raw.type) else None
    return _each(raw.to_pylist()) if fast is None else (*fast, null)


def _fast(text: pa.Array) -> tuple[NDArray[np.int64], BoolArray] | None:
    """Columns of one spelling at once; None where values have to be looked at one by one."""
    lengths = pc.utf8_length(text)
    if not pc.any(pc.equal(lengths, 8)).as_py():  # eight digits are a date, not an epoch
        try:
            micros, wrong = _by_magnitude(_ints(text.cast(pa.int64())))
            return micros, wrong & ~np.asarray(text.is_null(), bool)
        except pa.ArrowInvalid:
            pass
    for kind in (TIME, pa.timestamp("us")):
        try:
            return _ints(text.cast(kind)), np.zeros(len(text), bool)
        except pa.ArrowInvalid:
            continue
    return None


def _ints(values: pa.Array) -> NDArray[np.int64]:
    whole = values.cast(pa.int64(), safe=False).fill_null(0)
    return np.array(whole.to_numpy(zero_copy_only=False), np.int64)


def _by_magnitude(epoch: NDArray[np.int64]) -> tuple[NDArray[np.int64], BoolArray]:
    size = np.abs(epoch)
    wrong = (size >= _MICROS) | (size < 0)  # the smallest integer has no absolute value
    scale = np.select([wrong, size < _SECONDS, size < _MILLIS], [0, 1_000_000, 1_000], 1)
    micros = epoch * scale
    dated = (epoch >= _DATES.start) & (epoch < _DATES.stop)
    if dated.any():
        micros[dated], wrong[dated] = _by_calendar(epoch[dated])
    return micros, wrong


def _by_calendar(digits: NDArray[np.int64]) -> tuple[NDArray[np.int64], BoolArray]:
    """(dates,) µs of 20240131, and which are no date."""
    year, month, day = digits // 10_000, digits // 100 % 100, digits % 100
    start = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    moment = start.astype("datetime64[D]") + (day - 1)
    wrong = (month < 1) | (month > 12) | (moment.astype("datetime64[M]") != start)
    return np.where(wrong, 0, moment.astype("datetime64[us]").astype(np.int64)), wrong


def _each(values: list[Any]) -> tuple[NDArray[np.int64], BoolArray, BoolArray]:
    micros = [_moment(value) for value in values]
    null = np.array([value is None for value in values], bool)
    wrong = np.array([micro is None for micro in micros], bool) & ~null
    return np.array([micro or 0 for micro in micros], np.int64), wrong, null


def _moment(value: Any) -> int | None:
    if isinstance(value, str):
        return _spelled(value.strip())
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    if value in _DATES:
        return _spelled(str(int(value)))
    size = abs(value)
    scale = 1_000_000 if size < _SECONDS else 1_000 if size < _MILLIS else 1
    return round(value * scale) if size < _MICROS else None


def _spelled(text: str) -> int | None:
    dated = len(text) == 8 and text.isascii() and text.isdigit()  # fromisoformat reads them
    if not dated and "_" not in text:
        try:
            return _moment(float(text))
        except ValueError:
            pass
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (aware - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None
