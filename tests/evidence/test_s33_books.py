"""S33: sales-rights types 01/02 sell, 03–06 do not; included and excluded countries, rest of world."""

import pytest

from recsys.safety.rights import Places, onix
from recsys.safety.rights.places import WORLD
from support.evidence import proves
from support.rights import onix as message
from support.rights import read, sales

ALL = {"01", "02", "03", "04", "05", "06"}


def _all_sell(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(onix, "SELLS", ALL)
    patch.setattr(onix, "NOT_FOR_SALE", set())


def _none_excluded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Places, "without", lambda places, other: places)


def _rest_is_world(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(onix, "_rest", lambda named: WORLD)


def _sold(rights: str, *territories: str) -> list[bool]:
    (entry,) = read(message(rights))
    return [bool(entry.rights.windows(place)) for place in territories]


@proves("S33", mutation="types 03 to 06 sell as well", by=_all_sell)
def test_s33_only_types_01_and_02_sell() -> None:
    assert [_sold(sales(kind, CountriesIncluded="DE"), "DE") == [True] for kind in sorted(ALL)] == [True] * 2 + [
        False
    ] * 4


@proves("S33", mutation="excluded countries are not taken off", by=_none_excluded)
def test_s33_an_excluded_country_is_not_sold_to() -> None:
    assert _sold(sales("01", RegionsIncluded="WORLD", CountriesExcluded="US CA"), "DE", "US", "CA") == [
        True,
        False,
        False,
    ]


@proves("S33", mutation="the rest of the world is all of it", by=_rest_is_world)
def test_s33_the_rest_of_the_world_is_where_nothing_else_is_said() -> None:
    rest = "<ROWSalesRightsType>02</ROWSalesRightsType>"
    named = sales("01", CountriesIncluded="GB") + sales("03", CountriesIncluded="US")
    assert _sold(named + rest, "GB", "US", "JP") == [True, False, True]
    (entry,) = read(message(named + rest))
    assert ["GB" in grant.where for grant in entry.rights.grants] == [True, False]


@proves("S33", mutation="types 03 to 06 sell as well", by=_all_sell)
def test_s33_a_rest_of_the_world_that_is_not_for_sale_is_not_sold_to() -> None:
    rest = "<ROWSalesRightsType>{}</ROWSalesRightsType>"
    found = [_sold(sales("01", CountriesIncluded="GB") + rest.format(kind), "GB", "JP") for kind in ("00", "03", "06")]
    assert found == [[True, False]] * 3
