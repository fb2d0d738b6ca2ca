"""S34: territory and validity; no start = at once, no end = open; a purge is a takedown."""

import math
from pathlib import Path
from typing import Any

import pytest

from recsys.clock import fixed_clock
from recsys.dataset.catalogue import Catalogue
from recsys.safety import Gate, load_policy
from recsys.safety.rights import Entry, ddex
from recsys.safety.rights.places import WORLD
from recsys.types import Viewer
from serving.rights import plan
from serving.stores.control import ControlStore
from support.evidence import proves
from support.rights import ern, read

PURGE = (
    '<ern:PurgeReleaseMessage xmlns:ern="http://ddex.net/xml/ern/43"><PurgedRelease><ReleaseId>'
    "<ICPN>4099999999990</ICPN></ReleaseId></PurgedRelease></ern:PurgeReleaseMessage>"
)


def _closed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ddex, "_period", lambda period: (0.0, 1.0))


def _anywhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ddex, "_where", lambda terms, unsaid: WORLD)


def _kept(patch: pytest.MonkeyPatch) -> None:
    def entry(*values: Any, **named: Any) -> Entry:
        return Entry(*values, **{**named, "takedown": False})

    patch.setattr(ddex, "Entry", entry)


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


@proves("S34", mutation="a purge is read, but asks for nothing", by=_kept)
def test_s34_a_purge_takes_the_release_down_for_every_viewer(tmp_path: Path) -> None:
    items = {name: {"item_id": name, "labels": ["general"]} for name in ("4099999999990", "other")}
    found = plan(read(PURGE), items, {})
    control = ControlStore.open(tmp_path / "control.db")
    for item_id, where in found.takedowns.items():
        control.take_down(item_id, reason=where, actor="test")
    gate = Gate.compile(
        Catalogue.from_records(list(items.values())), load_policy("open"), fixed_clock(0.0), control.takedowns()
    )
    control.close()
    assert gate.mask(Viewer(territory="DE", age=30)).tolist() == [False, True]
