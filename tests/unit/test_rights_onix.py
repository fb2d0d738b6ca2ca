"""ONIX for Books: what sales rights, markets and dates mean."""

import math
from datetime import UTC, date, datetime

import pytest

from recsys.errors import DataError
from recsys.safety.rights import Rights, Term, joined, only
from recsys.safety.rights.entry import same
from support.rights import onix, read, sales

ALWAYS = ((-math.inf, math.inf),)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC).timestamp()


def rights(*composites, rest="", **rest_of_it):
    row = f"<ROWSalesRightsType>{rest}</ROWSalesRightsType>" if rest else ""
    (entry,) = read(onix("".join(composites) + row, **rest_of_it))
    return entry.rights


def shown(found, *territories):
    return [bool(found.windows(place)) for place in territories]


@pytest.mark.parametrize("kind", ["01", "02"])
def test_types_01_and_02_sell(kind):
    assert shown(rights(sales(kind, CountriesIncluded="DE AT")), "DE", "AT", "CH") == [True, True, False]


@pytest.mark.parametrize("kind", ["03", "04", "05", "06"])
def test_types_03_to_06_do_not_sell(kind):
    found = rights(sales("01", RegionsIncluded="WORLD", CountriesExcluded="US"), sales(kind, CountriesIncluded="US"))
    assert shown(found, "DE", "US") == [True, False]


def test_not_for_sale_outranks_for_sale_in_the_same_place():
    assert shown(rights(sales("02", CountriesIncluded="DE"), sales("03", CountriesIncluded="DE")), "DE") == [False]


def test_the_world_without_some_countries():
    found = rights(sales("01", RegionsIncluded="WORLD", CountriesExcluded="US CA"))
    assert shown(found, "DE", "US", "CA") == [True, False, False]


def test_an_excluded_province_takes_its_country_off_and_an_included_one_grants_nothing():
    assert shown(rights(sales("01", RegionsIncluded="WORLD", RegionsExcluded="CA-QC")), "DE", "CA") == [True, False]
    assert shown(rights(sales("01", RegionsIncluded="CA-QC")), "CA") == [False]


def test_what_is_not_for_sale_in_a_province_is_not_shown_in_its_country():
    barred = [sales("03", RegionsIncluded="CA-QC"), sales("03", CountriesIncluded="CA", RegionsExcluded="CA-QC")]
    for composite in barred:
        assert shown(rights(sales("01", RegionsIncluded="WORLD"), composite), "DE", "CA") == [True, False]


@pytest.mark.parametrize(("rest", "elsewhere"), [("01", True), ("02", True), ("03", False), ("00", False), ("", False)])
def test_the_rest_of_the_world_is_shown_only_where_it_is_said_to_sell(rest, elsewhere):
    found = rights(sales("01", CountriesIncluded="GB"), sales("06", CountriesIncluded="US"), rest=rest)
    assert shown(found, "GB", "US", "JP") == [True, False, elsewhere]


def test_a_product_without_sales_rights_may_be_shown_nowhere_and_is_marked():
    (entry,) = read(onix())
    assert entry.silent
    assert entry.rights.windows("DE") == ()


def test_a_sales_embargo_lifts_at_midnight_of_each_territory():
    dates = (
        "<PublishingDate><PublishingDateRole>02</PublishingDateRole>"
        '<Date dateformat="00">20270301</Date></PublishingDate>'
    )
    found = rights(sales("01", RegionsIncluded="WORLD"), dates=dates)
    assert found.windows("DE") == ((utc(2027, 2, 28, 23), math.inf),)
    assert found.reason("DE", utc(2027, 2, 1)) == "embargo"


@pytest.mark.parametrize(
    ("form", "text", "lifts"), [("01", "202703", date(2027, 4, 1)), ("05", "2027", date(2028, 1, 1))]
)
def test_an_embargo_of_a_month_or_year_lifts_when_that_is_surely_over(form, text, lifts):
    dates = (
        f"<PublishingDate><PublishingDateRole>09</PublishingDateRole><DateFormat>{form}</DateFormat>"
        f"<Date>{text}</Date></PublishingDate>"
    )
    assert rights(dates=dates).bars == (Term(closes=lifts, use="embargo"),)


def test_the_nominal_publication_date_bars_nothing():
    dates = "<PublishingDate><PublishingDateRole>01</PublishingDateRole><Date>20990101</Date></PublishingDate>"
    assert rights(sales("01", RegionsIncluded="WORLD"), dates=dates).windows("DE") == ALWAYS


def test_a_market_date_holds_in_its_market_only():
    supply = (
        "<ProductSupply><Market><Territory><CountriesIncluded>GB IE</CountriesIncluded></Territory></Market>"
        "<MarketPublishingDetail><MarketPublishingStatus>04</MarketPublishingStatus>"
        "<MarketDate><MarketDateRole>02</MarketDateRole><Date>20270301T0900Z</Date></MarketDate>"
        "</MarketPublishingDetail></ProductSupply>"
    )
    found = rights(sales("01", RegionsIncluded="WORLD"), supply=supply)
    assert found.windows("GB") == ((utc(2027, 3, 1, 9), math.inf),)
    assert found.windows("FR") == ALWAYS


@pytest.mark.parametrize("status", ["01", "03", "11", "15", "16", "17"])
def test_what_is_withdrawn_or_recalled_is_shown_nowhere(status):
    assert shown(rights(sales("01", RegionsIncluded="WORLD"), status=status), "DE") == [False]


def test_a_withdrawal_date_closes():
    dates = "<PublishingDate><PublishingDateRole>13</PublishingDateRole><Date>20270301</Date></PublishingDate>"
    found = rights(sales("01", RegionsIncluded="WORLD"), dates=dates)
    assert found.windows("DE") == ((-math.inf, utc(2027, 2, 28, 23)),)


def test_sales_through_another_retailer_are_no_licence_until_they_end():
    restricted = sales("01", CountriesIncluded="DE").replace(
        "</SalesRights>",
        "<SalesRestriction><SalesRestrictionType>04</SalesRestrictionType><EndDate>20270228</EndDate></SalesRestriction>"
        "</SalesRights>",
    )
    assert rights(restricted).windows("DE") == ((utc(2027, 2, 28, 23), math.inf),)


def test_short_tags_say_the_same_as_reference_names():
    short = (
        '<ONIXmessage release="3.1"><product><a001>lighthouse.1</a001><a002>03</a002>'
        "<productidentifier><b221>15</b221><b244>9789999999991</b244></productidentifier>"
        "<publishingdetail><b394>04</b394>"
        "<publishingdate><x448>02</x448><b306>20270301</b306></publishingdate>"
        "<salesrights><b089>01</b089><territory><x450>WORLD</x450><x451>US</x451></territory></salesrights>"
        "<x456>03</x456></publishingdetail></product></ONIXmessage>"
    )
    dates = "<PublishingDate><PublishingDateRole>02</PublishingDateRole><Date>20270301</Date></PublishingDate>"
    long = onix(
        sales("01", RegionsIncluded="WORLD", CountriesExcluded="US") + "<ROWSalesRightsType>03</ROWSalesRightsType>",
        dates=dates,
    )
    (one,), (other,) = read(short), read(long)
    assert (one.ids, one.rights) == (other.ids, other.rights)


def test_a_deleted_record_may_be_shown_nowhere():
    document = onix(sales("01", RegionsIncluded="WORLD")).replace("<NotificationType>03", "<NotificationType>05")
    assert read(document)[0].rights == Rights(source="onix", document="document")


def test_a_block_update_that_says_nothing_of_rights_changes_none():
    message = onix().replace("<NotificationType>03", "<NotificationType>04")
    assert read(message) == []
    dates = "<PublishingDate><PublishingDateRole>02</PublishingDateRole><Date>20270301</Date></PublishingDate>"
    (entry,) = read(onix(dates=dates).replace("<NotificationType>03", "<NotificationType>04"))
    assert entry.silent


def test_an_isbn_is_compared_in_its_long_form():
    assert same("isbn", "0-306-40615-2") == "9780306406157" == same("isbn", "978-0-306-40615-7")


def test_two_entries_of_one_work_are_joined():
    one, other = read(onix(sales("01", CountriesIncluded="DE"))), read(onix(sales("02", CountriesIncluded="FR")))
    assert [grant.where for grant in joined([*one, *other]).grants] == [only("DE"), only("FR")]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (onix(sales("01", CountriesIncluded="DEU")), r"document, line 8, Territory: 'DEU' is neither"),
        (onix(sales("77", CountriesIncluded="DE")), r"SalesRights: the sales rights type '77'"),
        (onix(sales("01", CountriesIncluded="DE")).replace('release="3.0"', 'release="2.1"'), "only release 3.0"),
        (onix()[:-20], "no XML that can be read"),
        (
            onix(
                dates="<PublishingDate><PublishingDateRole>02</PublishingDateRole><Date>20270231</Date></PublishingDate>"
            ),
            "'20270231' is no day that exists",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_and_element(document, message):
    with pytest.raises(DataError, match=message):
        read(document)
