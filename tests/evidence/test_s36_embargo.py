"""S36: before the lift time an item is in no list: whatever document sets the embargo, no window is open before it."""

from datetime import UTC, datetime

import pytest

from recsys.safety.rights import Entry, Term, avails, ddex, from_item, item
from recsys.safety.rights import onix as books
from support.evidence import proves
from support.rights import avails_csv, avails_xml, ern, onix, read, sales

LIFT = datetime(2027, 2, 28, 23, tzinfo=UTC).timestamp()  # midnight in Berlin, the first of March
DATED = "<PublishingDate><PublishingDateRole>02</PublishingDateRole><Date>20270301</Date></PublishingDate>"


def _no_embargo(patch: pytest.MonkeyPatch) -> None:
    for reader in (avails, books, ddex):
        patch.setattr(reader, "embargo", lambda where, lifts: Term(where, closes=float("-inf"), use="embargo"))


def _unread(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(item, "_seconds", lambda record, name, unknown: unknown)


def _documents() -> list[Entry]:
    row = {
        "Territory": "DE",
        "Start": "Immediate",
        "End": "Open",
        "ContentID": "a",
        "SuppressionLiftDate": "2027-03-01",
    }
    deal = (
        "<Transaction><LicenseType>SVOD</LicenseType><Territory><country>DE</country></Territory>"
        "<StartCondition>Immediate</StartCondition><EndCondition>Open</EndCondition>"
        '<Term termName="SuppressionLiftDate"><Event>2027-03-01</Event></Term></Transaction>'
    )
    music = (
        "<TerritoryCode>DE</TerritoryCode><UseType>Stream</UseType>"
        "<ReleaseDisplayStartDate>2027-03-01</ReleaseDisplayStartDate>"
    )
    book = onix(sales("01", RegionsIncluded="WORLD"), dates=DATED)
    return [entry for document in (avails_csv(row), avails_xml(deal), ern(music), book) for entry in read(document)]


@proves("S36", mutation="embargo dates of documents are not kept", by=_no_embargo)
def test_s36_before_the_lift_no_window_is_open_and_the_embargo_is_the_reason() -> None:
    found = _documents()
    assert [entry.rights.windows("DE")[0][0] for entry in found] == [LIFT] * 4
    assert {entry.rights.reason("DE", LIFT - 1) for entry in found} == {"embargo"}
    assert {entry.rights.reason("DE", LIFT) for entry in found} == {None}


@proves("S36", mutation="the times of an item are not read", by=_unread)
def test_s36_the_embargo_of_an_item_outranks_its_window() -> None:
    rights = from_item({"available_from": 10.0, "embargo_until": 20.0})
    assert (rights.reason("DE", 15.0), rights.reason("DE", 20.0)) == ("embargo", None)
