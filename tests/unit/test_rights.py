"""One rights record: windows by each territory's own clock, decided for the stricter reading."""

import math
from datetime import UTC, date, datetime

import pytest

from recsys.errors import DataError
from recsys.safety.rights import (
    ALLOWED,
    FORBIDDEN,
    WORLD,
    Rights,
    Term,
    decoded,
    encoded,
    from_item,
    only,
    places,
    spans,
)

ALWAYS = ((-math.inf, math.inf),)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC).timestamp()


def window(territory, opens=-math.inf, closes=math.inf):
    return Rights((Term(WORLD, opens, closes),)).windows(territory)


def test_without_a_grant_nothing_is_ever_shown():
    assert FORBIDDEN.windows("DE") == ()


def test_an_item_without_fields_is_shown_always_and_everywhere():
    assert from_item({"item_id": "a"}).windows("DE") == ALWAYS == from_item({}).windows(None)


def test_a_date_opens_and_closes_at_midnight_of_the_territory():
    assert window("DE", date(2027, 1, 1), date(2027, 7, 1)) == ((utc(2026, 12, 31, 23), utc(2027, 6, 30, 22)),)
    assert window("JP", date(2027, 1, 1)) == ((utc(2026, 12, 31, 15), math.inf),)


def test_where_there_are_several_clocks_the_last_opens_and_the_first_closes():
    # Honolulu and Adak are 10 hours behind UTC in winter, New York 5
    assert window("US", date(2027, 1, 1), date(2027, 2, 1)) == ((utc(2027, 1, 1, 10), utc(2027, 2, 1, 5)),)


def test_all_of_china_goes_by_beijing_time():
    assert window("CN", date(2027, 1, 1)) == ((utc(2026, 12, 31, 16), math.inf),)


def test_an_unknown_territory_waits_for_the_last_clock_of_the_world():
    assert window(None, date(2027, 1, 1), date(2027, 2, 1)) == ((utc(2027, 1, 1, 12), utc(2027, 1, 31, 10)),)


def test_a_time_that_the_clock_reads_twice_opens_at_the_second_and_closes_at_the_first():
    # Berlin, 2027-10-31: 03:00 CEST becomes 02:00 CET at 01:00 UTC
    twice = datetime.fromisoformat("2027-10-31T02:30")
    assert window("DE", opens=twice) == ((utc(2027, 10, 31, 1, 30), math.inf),)
    assert window("DE", closes=twice) == ((-math.inf, utc(2027, 10, 31, 0, 30)),)


def test_a_time_that_the_clock_leaves_out_is_the_moment_of_the_change():
    # Berlin, 2027-03-28: 02:00 CET becomes 03:00 CEST at 01:00 UTC
    left_out = datetime.fromisoformat("2027-03-28T02:30")
    assert window("DE", opens=left_out) == ((utc(2027, 3, 28, 1), math.inf),)
    assert window("DE", closes=left_out) == ((-math.inf, utc(2027, 3, 28, 1)),)


def test_a_day_without_midnight_begins_when_the_clock_is_put_forward():
    # Cairo, Friday 2024-04-26: 00:00 EET becomes 01:00 EEST at 22:00 UTC of the day before
    assert window("EG", opens=date(2024, 4, 26)) == ((utc(2024, 4, 25, 22), math.inf),)


def test_a_day_that_a_territory_skipped_begins_when_the_next_one_does():
    # Samoa went from 2011-12-29 to 2011-12-31 at 10:00 UTC of the 30th
    assert window("WS", opens=date(2011, 12, 30)) == window("WS", opens=date(2011, 12, 31))
    assert window("WS", opens=date(2011, 12, 30)) == ((utc(2011, 12, 30, 10), math.inf),)


def test_grants_add_up_and_a_bar_cuts_a_hole():
    grants = (Term(WORLD, 0.0, 100.0), Term(only("DE"), 50.0, 200.0))
    rights = Rights(grants, (Term(only("DE"), 80.0, 120.0, "window"),))
    assert rights.windows("DE") == ((0.0, 80.0), (120.0, 200.0))
    assert rights.windows("FR") == ((0.0, 100.0),)


def test_an_unknown_territory_gets_only_what_every_territory_gets():
    rest = places(["DE"]).outside()
    rights = Rights((Term(only("DE"), 50.0, 200.0), Term(rest, 0.0, 100.0)))
    assert rights.windows(None) == rights.windows("nowhere") == ((50.0, 100.0),)
    assert Rights((Term(only("DE")),)).windows(None) == ()


def test_an_embargo_is_over_when_the_last_clock_has_reached_it():
    rights = Rights((Term(),), (Term(closes=date(2027, 1, 1), use="embargo"),))
    assert rights.windows("US") == ((utc(2027, 1, 1, 10), math.inf),)


@pytest.mark.parametrize(
    ("territory", "at", "reason"),
    [
        ("FR", 60.0, "territory"),
        ("DE", 5.0, "window"),
        ("DE", 100.0, "window"),
        ("DE", 20.0, "embargo"),
        ("DE", 60, None),
    ],
)
def test_the_reason_is_the_one_that_holds(territory, at, reason):
    rights = Rights((Term(only("DE"), 10.0, 100.0),), (Term(closes=50.0, use="embargo"),))
    assert rights.reason(territory, at) == reason


def test_regions_are_sets_of_codes_and_can_be_taken_off_the_world():
    assert "NO" in places(["EEA"])
    assert "NO" not in places(["EU"])
    assert places(["DACH"]) == only("DE", "AT", "CH")
    assert "AT" not in places(["WORLD"]).without(places(["DACH"]))
    assert places(["UK"]) == only("GB")


def test_a_province_is_nothing_or_its_whole_country():
    assert not places(["CA-QC"])
    assert places(["CA-QC"], whole=True) == only("CA")


def test_a_region_that_nobody_defined_is_refused_by_name():
    with pytest.raises(ValueError, match="'MENA'"):
        places(["MENA"])


def test_the_plain_fields_of_an_item_are_one_record():
    item = {"territories": ["DE", "fr"], "available_from": datetime(2027, 1, 1, tzinfo=UTC), "available_to": 2e9}
    rights = from_item({**item, "embargo_until": 1.9e9})
    assert rights.windows("FR") == ((1.9e9, 2e9),)
    assert rights.windows("US") == ()
    assert from_item(item).windows("DE") == ((utc(2027, 1, 1), 2e9),)


@pytest.mark.parametrize(("given", "shown"), [(None, ALWAYS), (["*"], ALWAYS), (["DE", "WW"], ALWAYS), ([], ())])
def test_no_territories_field_is_everywhere_and_an_empty_one_nowhere(given, shown):
    assert from_item({"territories": given}).windows("DE") == shown


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("territories", ["DEU"]),
        ("territories", "DE"),
        ("available_from", "soon"),
        ("rights", "{"),
        ("rights", {"x": 1}),
    ],
)
def test_garbage_is_named_by_its_field(field, value):
    with pytest.raises(DataError, match=field):
        from_item({field: value})


def test_a_document_and_the_plain_fields_both_have_to_allow():
    document = encoded(Rights((Term(only("DE", "FR"), 0.0, 100.0, "stream"),), source="ddex"))
    rights = from_item({"rights": document, "territories": ["DE", "US"], "available_from": 50.0, "embargo_until": 60.0})
    assert [rights.windows(place) for place in ("DE", "FR", "US")] == [((60.0, 100.0),), (), ()]


def test_rights_come_back_from_json_as_they_went():
    rights = Rights(
        (Term(only("DE"), date(2027, 1, 1), datetime.fromisoformat("2027-02-01T12:30"), "stream"), Term(WORLD, 0.0)),
        (Term(only("FR").outside(), closes=1.5, use="embargo"),),
        "avails",
        "list 7",
    )
    assert decoded(encoded(rights)) == rights
    assert len({rights, decoded(encoded(rights))}) == 1


@pytest.mark.parametrize("term", [Term(opens=math.inf), Term(closes=-math.inf), Term(opens=1e15)])
def test_what_never_opens_stays_closed_in_json(term):
    windows = decoded(encoded(Rights((term,)))).windows("DE")
    assert not any(opens < 2e11 and closes > 0 for opens, closes in windows)


def test_a_time_that_is_no_number_is_refused():
    with pytest.raises(DataError, match="not a number"):
        Term(WORLD, math.nan)


def test_the_allowed_record_is_shared():
    assert from_item({}) is ALLOWED


@pytest.mark.parametrize(
    ("barred", "left"),
    [
        ([], [(0, 10), (20, 30)]),
        ([(-5, 2), (3, 4), (8, 22)], [(2, 3), (4, 8), (22, 30)]),
        ([(0, 10), (20, 30)], []),
        ([(10, 20)], [(0, 10), (20, 30)]),
        ([(5, 40)], [(0, 5)]),
    ],
)
def test_bars_cut_holes_into_windows(barred, left):
    assert spans.without(((0, 10), (20, 30)), tuple(barred)) == tuple(left)
