"""DDEX ERN: deals, takedowns and purges."""

import math
from datetime import UTC, datetime

import pytest

from recsys.errors import DataError
from recsys.safety.rights import ddex
from support.rights import ern, read

ALWAYS = ((-math.inf, math.inf),)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC).timestamp()


def deal(territories="Worldwide", period="", *, excluded="", more="<UseType>OnDemandStream</UseType>"):
    where = "".join(f"<TerritoryCode>{code}</TerritoryCode>" for code in territories.split())
    where += "".join(f"<ExcludedTerritoryCode>{code}</ExcludedTerritoryCode>" for code in excluded.split())
    model = "<CommercialModelType>SubscriptionModel</CommercialModelType>"
    return f"{model}{more}{where}<ValidityPeriod>{period}</ValidityPeriod>"


def windows(territory, *deals, **options):
    return read(ern(*deals, **options))[0].rights.windows(territory)


def test_without_a_start_it_holds_at_once_and_without_an_end_it_stays_open():
    assert windows("DE", deal()) == ALWAYS


def test_the_day_of_an_end_date_belongs_to_the_deal():
    period = "<StartDate>2027-03-01</StartDate><EndDate>2027-03-31</EndDate>"
    assert windows("JP", deal("JP", period)) == ((utc(2027, 2, 28, 15), utc(2027, 3, 31, 15)),)


def test_a_time_is_local_without_an_offset_and_absolute_with_one():
    assert windows("DE", deal("DE", "<StartDateTime>2027-03-01T09:30:00</StartDateTime>"))[0][0] == utc(
        2027, 3, 1, 8, 30
    )
    assert windows("DE", deal("DE", "<StartDateTime>2027-03-01T09:30:00-08:00</StartDateTime>"))[0][0] == utc(
        2027, 3, 1, 17, 30
    )


def test_a_deal_holds_where_it_is_included_or_not_excluded():
    assert windows("FR", deal("DE FR")) == ALWAYS
    assert windows("US", deal("DE FR")) == ()
    excluded = deal("", excluded="US")
    assert (windows("FR", excluded), windows("US", excluded)) == (ALWAYS, ())


def test_a_deal_without_territories_grants_nothing():
    assert windows("DE", deal("")) == ()


def test_the_use_is_kept_in_both_versions():
    old = read(ern(deal(more="<Usage><UseType>PermanentDownload</UseType></Usage>"), version="382"))[0]
    new = read(ern(deal(more="<UseType>OnDemandStream</UseType><UseType>Stream</UseType>")))[0]
    assert [old.rights.grants[0].use, new.rights.grants[0].use] == ["PermanentDownload", "OnDemandStream,Stream"]


def test_nothing_is_shown_before_its_display_date():
    more = "<ReleaseDisplayStartDateTime>2027-05-01T00:00:00Z</ReleaseDisplayStartDateTime>"
    found = read(ern(deal(more=more)))[0].rights
    assert found.windows("DE") == ((utc(2027, 5, 1), math.inf),)
    assert found.reason("DE", utc(2027, 4, 1)) == "embargo"


def test_a_preorder_deal_grants_nothing_yet():
    assert windows("DE", deal(more="<IsPreOrderDeal>true</IsPreOrderDeal>")) == ()


@pytest.mark.parametrize("flag", ["TakeDown", "AllDealsCancelled"])
def test_a_takedown_outranks_deals_from_its_start_on(flag):
    gone = deal("DE", "<StartDate>2027-03-01</StartDate>", more=f"<{flag}>true</{flag}>")
    assert windows("DE", deal(), gone) == ((-math.inf, utc(2027, 2, 28, 23)),)
    assert windows("FR", deal(), gone) == ALWAYS


def test_a_takedown_in_a_province_takes_its_country_off():
    gone = deal("CA-QC", more="<TakeDown>true</TakeDown>")
    assert (windows("CA", deal(), gone), windows("DE", deal(), gone)) == ((), ALWAYS)


def test_a_takedown_everywhere_and_at_once_is_one():
    assert read(ern(deal(more="<TakeDown>true</TakeDown>")))[0].takedown
    assert not read(ern(deal()))[0].takedown


def test_a_purge_is_a_takedown():
    message = (
        '<ern:PurgeReleaseMessage xmlns:ern="http://ddex.net/xml/ern/43"><PurgedRelease>'
        "<ReleaseId><GRid>A1-0000A-0000000000-A</GRid></ReleaseId></PurgedRelease></ern:PurgeReleaseMessage>"
    )
    (entry,) = read(message)
    assert entry.takedown
    assert entry.ids == (("grid", "A1-0000A-0000000000-A"),)
    assert entry.rights.windows("DE") == ()


def test_a_release_without_a_deal_may_be_shown_nowhere():
    releases = [("R0", "ICPN:4099999999990"), ("R1", "ISRC:XX0000000001")]
    album, track = read(ern(deal(), releases=releases))
    assert (album.silent, track.silent) == (False, True)
    assert (album.rights.windows("DE"), track.rights.windows("DE")) == (ALWAYS, ())


def test_the_last_day_of_the_calendar_is_no_end():
    assert windows("DE", deal("DE", "<EndDate>9999-12-31</EndDate>")) == ALWAYS


def test_a_message_of_too_many_deals_for_too_many_releases_is_refused(monkeypatch):
    monkeypatch.setattr(ddex, "MAX_DEALS", 3)
    with pytest.raises(DataError, match="more than 3 pairs"):
        read(ern(deal("DE"), deal("FR"), deal("US"), deal("JP")))


@pytest.mark.parametrize(
    ("message", "names"),
    [
        (ern(deal("XK-1234567")), "document, line 4, DealTerms: 'XK-1234567'"),
        (ern(deal("DE", "<StartDate>soon</StartDate>")), "StartDate: 'soon' is no date"),
        (ern(deal()).replace("<DealReleaseReference>R0", "<DealReleaseReference>R9"), "a deal names the release 'R9'"),
    ],
)
def test_a_mistake_is_named(message, names):
    with pytest.raises(DataError, match=names):
        read(message)
