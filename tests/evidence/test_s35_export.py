"""S35: schema.org and Dublin Core export come from the same record as the gate reads."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from recsys.safety import Takedown
from recsys.safety.rights import ALLOWED
from recsys.types import Viewer
from support.commands import recsys
from support.evidence import proves
from support.http import publish
from support.licensed import Licensed
from support.rights import avails_csv

DC = "{http://purl.org/dc/elements/1.1/}"
TERMS = "{http://purl.org/dc/terms/}"
WINDOW = {"Territory": "DE", "Start": "2027-03-01", "End": "2027-06-01", "ContentID": "tide", "LicenseType": "SVOD"}
START, END = (datetime(2027, month, day, hour, tzinfo=UTC) for month, day, hour in ((2, 28, 23), (5, 31, 22)))
AGE = 16


def _the_record_alone(patch: pytest.MonkeyPatch) -> None:
    from serving import rights

    whole = rights.rights_of
    patch.setattr(rights, "rights_of", lambda records, documents, orders: whole(records, {}, orders))


def _documents_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("serving.rights.from_item", lambda record: ALLOWED)


def _without_orders(patch: pytest.MonkeyPatch) -> None:
    def none(orders: list[Takedown]) -> dict[str, Any]:
        return {}

    patch.setattr("serving.rights.withheld", none)


def _here(folder: Path) -> Licensed:
    """A work with a window by a document, an end by its own record, and a minimum age."""
    here = Licensed(folder)
    ends = datetime(2027, 5, 1, tzinfo=UTC)
    work = {"item_id": "tide", "title": "Tide", "labels": ["general"], "min_age": AGE, "available_to": ends}
    here.control.upsert_items([work], "desk")
    here.reads(avails_csv(WINDOW))
    return here


def _seen(here: Licensed, at: float, age: int | None, territory: str = "DE") -> bool:
    """What the gate says at a moment."""
    here.clock.saw(at)
    view = here.stand.engine.live.view()
    index = view.ids.dense(["tide"]).astype(np.int32)
    return bool(view.gate.check(Viewer("feed", territory, age), index).allowed[0])


@proves("S35", mutation="the export does not read rights documents", by=_the_record_alone)
@proves("S35", mutation="the export does not read the record's own rights", by=_documents_alone)
def test_s35_both_formats_say_the_window_the_place_and_the_age_that_the_gate_goes_by(tmp_path: Path) -> None:
    here = _here(tmp_path)
    (node,) = json.loads(recsys(tmp_path, "export", "--format", "schemaorg"))["@graph"]
    document = ElementTree.fromstring(recsys(tmp_path, "export", "--format", "dc"))
    starts, ends = "2027-02-28T23:00:00Z", "2027-05-01T00:00:00Z"
    assert node.get("offers") == [
        {"@type": "Offer", "eligibleRegion": ["DE"], "availabilityStarts": starts, "availabilityEnds": ends}
    ]
    told = [element.text for element in document.iter(f"{DC}rights")]
    assert told == [f"May be shown in DE from {starts} until before {ends}"]
    assert (node.get("typicalAgeRange"), document.findtext(f".//{TERMS}audience")) == ("16-", "Age 16 and over")
    opens, closes = (datetime.fromisoformat(moment).timestamp() for moment in (starts, ends))
    seen = [_seen(here, opens - 1, AGE), _seen(here, opens, AGE), _seen(here, opens, AGE - 1)]
    seen += [_seen(here, opens, AGE, "FR"), _seen(here, closes - 1, AGE), _seen(here, closes, AGE)]
    assert seen == [False, True, False, False, True, False]
    here.close()


@proves("S35", mutation="the export does not read takedowns", by=_without_orders)
def test_s35_a_work_that_is_taken_down_is_offered_nowhere_in_either_format(tmp_path: Path) -> None:
    here = _here(tmp_path)
    here.control.take_down("tide", reason="court order", actor="officer")
    (node,) = json.loads(recsys(tmp_path, "export", "--format", "schemaorg"))["@graph"]
    document = ElementTree.fromstring(recsys(tmp_path, "export", "--format", "dc"))
    assert (node.get("offers"), node.get("conditionsOfAccess")) == (None, "Not to be shown in any territory")
    assert document.findtext(f".//{DC}rights") == "Not to be shown in any territory"
    here.close()


def _as_it_came(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("serving.works.stricter", lambda bundled, upserted: upserted)


@proves("S35", mutation="an upsert that the gate holds to the bundle's record is exported as it came", by=_as_it_came)
def test_s35_an_upsert_loosens_in_an_export_nothing_that_the_gate_goes_by(tmp_path: Path) -> None:
    here = Licensed(tmp_path)
    publish(tmp_path / "var")  # whose work i04 is for adults
    here.control.upsert_items([{"item_id": "i04", "title": "Tide"}], "platform")
    (node,) = json.loads(recsys(tmp_path, "export", "--format", "schemaorg", "--item", "i04"))["@graph"]
    assert (node["name"], node.get("typicalAgeRange")) == ("Tide", "18-")
    view = here.stand.engine.live.view()
    index = view.ids.dense(["i04"]).astype(np.int32)
    assert [bool(view.gate.check(Viewer("feed", "DE", age), index).allowed[0]) for age in (17, 18)] == [False, True]
    here.close()
