"""Times at the HTTP door are read as ingest reads them."""

from datetime import UTC, datetime

import pytest

from serving.api.refusals import Refused
from serving.api.times import iso, parse_time

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "given",
    [
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T08:00:00+08:00",
        "20240101",
        20240101,
        NEW_YEAR,
        NEW_YEAR * 1e3,
        NEW_YEAR * 1e6,
    ],
)
def test_one_moment_in_all_its_spellings(given):
    assert parse_time(given, "at") == NEW_YEAR


@pytest.mark.parametrize("given", ["soon", "", 20241332, 1e30, float("nan"), "9999-12-31T23:59:59-14:00"])
def test_what_is_no_time_is_refused_by_name(given):
    with pytest.raises(Refused, match="at is no time"):
        parse_time(given, "at")


def test_times_go_out_as_iso_8601_in_utc():
    assert iso(NEW_YEAR) == "2024-01-01T00:00:00+00:00"
