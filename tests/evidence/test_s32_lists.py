"""S32, S33, S34 from a document to lists: an item never appears where and when nobody may show it."""

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recsys.errors import ConfigError
from recsys.safety.openings import Openings
from recsys.safety.rights import Term, ddex, onix, record
from serving.stores.control import ControlStore
from support.evidence import proves
from support.licensed import Licensed
from support.rights import avails_csv, ern, sales
from support.rights import onix as message

WINDOW = {"Territory": "DE", "Start": "2027-03-01", "End": "2027-06-01", "ContentID": "tide", "LicenseType": "SVOD"}
START, END = (
    datetime(2027, month, day, hour, tzinfo=UTC).timestamp()  # midnights in Berlin, in winter and in summer
    for month, day, hour in ((2, 28, 23), (5, 31, 22))
)
ISBN, ICPN = "9789999999991", "4099999999990"
ALL = {"01", "02", "03", "04", "05", "06"}
PURGE = (
    '<ern:PurgeReleaseMessage xmlns:ern="http://ddex.net/xml/ern/43"><PurgedRelease><ReleaseId>'
    f"<ICPN>{ICPN}</ICPN></ReleaseId></PurgedRelease></ern:PurgeReleaseMessage>"
)


def _always_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Openings, "windows", lambda openings, right, territory: ((-math.inf, math.inf),))


def _one_clock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(record, "clocks", lambda territory: (UTC,))


def _no_end(patch: pytest.MonkeyPatch) -> None:
    whole = Term.granted
    patch.setattr(Term, "granted", lambda term, zones: (whole(term, zones)[0], math.inf))


@proves("S32", mutation="rights are open whenever the gate asks", by=_always_open)
@proves("S32", mutation="every territory goes by UTC", by=_one_clock)
@proves("S32", mutation="the end of a window is not looked at", by=_no_end)
def test_s32_an_imported_window_opens_and_closes_lists_at_midnight_of_the_territory(tmp_path: Path) -> None:
    here = Licensed(tmp_path, "tide")
    assert here.shows("tide")
    here.reads(avails_csv(WINDOW))
    found = []
    for moment in (START - 1, START, END - 1, END):
        here.clock.saw(moment)
        found.append([here.shows("tide", place) for place in ("DE", "FR", None)])
    nowhere, in_germany = [False, False, False], [True, False, False]
    assert found == [nowhere, in_germany, in_germany, nowhere]
    here.close()


def _all_sell(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(onix, "SELLS", ALL)
    patch.setattr(onix, "NOT_FOR_SALE", set())


@proves("S33", mutation="types 03 to 06 sell as well", by=_all_sell)
def test_s33_lists_have_a_book_only_where_an_imported_message_sells_it(tmp_path: Path) -> None:
    here = Licensed(tmp_path, ISBN)
    found = {}
    for kind in sorted(ALL):
        here.reads(message(sales(kind, CountriesIncluded="DE")))
        found[kind] = [here.shows(ISBN, place) for place in ("DE", "US")]
    assert found == {kind: [kind in ("01", "02"), False] for kind in ALL}
    named = sales("01", RegionsIncluded="WORLD", CountriesExcluded="US CA") + sales("03", CountriesIncluded="JP")
    here.reads(message(named))
    assert [here.shows(ISBN, place) for place in ("DE", "US", "CA", "JP", None)] == [True, False, False, False, False]
    here.reads(message(sales("03", CountriesIncluded="US") + "<ROWSalesRightsType>01</ROWSalesRightsType>"))
    assert [here.shows(ISBN, place) for place in ("DE", "US")] == [True, False]
    here.close()


def _unbounded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ddex, "_period", lambda period: (-math.inf, math.inf))


@proves("S34", mutation="no validity is read", by=_unbounded)
@proves("S34", mutation="rights are open whenever the gate asks", by=_always_open)
def test_s34_lists_have_a_release_in_the_territory_and_validity_of_its_imported_deal(tmp_path: Path) -> None:
    here = Licensed(tmp_path, ICPN)
    where = "<TerritoryCode>DE</TerritoryCode><UseType>Stream</UseType>"
    here.reads(ern(where))  # neither start nor end: at once, and open
    assert [here.shows(ICPN, place) for place in ("DE", "FR")] == [True, False]
    days = "<StartDate>2027-03-01</StartDate><EndDate>2027-05-31</EndDate>"  # the last day is part of it
    here.reads(ern(f"{where}<ValidityPeriod>{days}</ValidityPeriod>"))
    found = []
    for moment in (START - 1, START, END - 1, END):
        here.clock.saw(moment)
        found.append([here.shows(ICPN, place) for place in ("DE", "FR")])
    assert found == [[False, False], [True, False], [True, False], [False, False]]
    here.close()


def _only_read(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ControlStore, "take_down", lambda control, item_id, **why: None)


@proves("S34", mutation="a purge is read, but takes nothing down", by=_only_read)
def test_s34_an_imported_purge_is_a_takedown_that_a_later_deal_does_not_lift(tmp_path: Path) -> None:
    here = Licensed(tmp_path, ICPN)
    deal = ern("<TerritoryCode>Worldwide</TerritoryCode><UseType>Stream</UseType>")
    here.reads(deal)
    assert here.shows(ICPN)
    here.reads(PURGE)
    here.reads(deal)
    assert [here.shows(ICPN, place) for place in ("DE", "FR", None)] == [False] * 3
    (order,) = here.control.takedowns()
    assert (order.item_id, order.territory) == (ICPN, None)
    here.control.request_restore(order.id, "desk", "licensed again")
    with pytest.raises(ConfigError, match="second person"):
        here.control.approve_restore(order.id, "desk")
    here.close()
