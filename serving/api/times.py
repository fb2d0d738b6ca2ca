"""Times at the door: ISO 8601 or epoch in, seconds UTC inside, ISO 8601 out."""

from datetime import UTC, datetime

from recsys.clock import to_datetime
from serving.api.refusals import Refused

MILLIS, MICROS = 1e11, 1e14  # epoch seconds are below the first until the year 5138
EARLIEST, LATEST = -62_000_000_000.0, 250_000_000_000.0  # the years 6 to 9891, whatever the time zone


def parse_time(value: str | float, field: str) -> float:
    """Seconds since 1970 UTC; naive means UTC, numbers are s, ms or µs by magnitude. Refused where it is no time."""
    try:
        return _seconds(value)
    except (ValueError, OverflowError, OSError):
        raise Refused(
            400,
            f"{field} is no time between the years 10 and 9000: give ISO 8601 or seconds since 1970, not {value!r}.",
            field,
        ) from None


def _seconds(value: str | float) -> float:
    if isinstance(value, str):
        moment = datetime.fromisoformat(value.strip())
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    else:
        if float(value).is_integer() and len(str(int(value))) == 8:  # as ingest reads it: a date, not a day in 1970
            return _seconds(str(int(value)))
        size = abs(value)
        seconds = value / 1e6 if size >= MICROS else value / 1e3 if size >= MILLIS else float(value)
    if not EARLIEST <= seconds <= LATEST:  # NaN too
        raise ValueError(value)
    return seconds


def iso(at: float) -> str:
    """ISO 8601 in UTC."""
    return to_datetime(at).isoformat()
