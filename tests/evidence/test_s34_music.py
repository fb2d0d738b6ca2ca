"""S34 in a document: territory and validity; no start = at once, no end = open."""

import math

import pytest

from recsys.safety.rights import ddex
from recsys.safety.rights.places import NOWHERE, WORLD
from support.evidence import proves
from support.rights import ern, read


def _closed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ddex, "_period", lambda period: (0.0, 1.0))


def _anywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ddex, "_where", lambda terms, unsaid, *, bars=False: NOWHERE if bars else WORLD)


def _deal(where: str, period: str = "") -> str:
    return f"<UseType>Stream</UseType>{where}<ValidityPeriod>{period}</ValidityPeriod>"


@proves("S34", mutation="a period without bounds is a closed one", by=_closed)
def test_s34_without_a_start_it_holds_at_once_and_without_an_end_it_stays_open() -> None:
    (entry,) = read(ern(_deal("<TerritoryCode>DE</TerritoryCode>")))
    assert entry.rights.windows("DE") == ((-math.inf, math.inf),)


@proves("S34", mutation="a deal holds wherever one is", by=_anywhere)
def test_s34_a_deal_holds_in_its_territories_only() -> None:
    (one,) = read(ern(_deal("<TerritoryCode>DE</TerritoryCode>")))
    (other,) = read(ern(_deal("<ExcludedTerritoryCode>DE</ExcludedTerritoryCode>")))
    assert [bool(one.rights.windows(place)) for place in ("DE", "FR")] == [True, False]
    assert [bool(other.rights.windows(place)) for place in ("DE", "FR")] == [False, True]
