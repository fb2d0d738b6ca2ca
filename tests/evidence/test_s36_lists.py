"""S36 from a document to what is shown: before the lift a work is in no list, explanation, suggestion or push."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from recsys.dataset.catalogue import Catalogue
from recsys.safety.columns import _seconds
from recsys.safety.rights import Term, avails, ddex
from recsys.safety.rights import onix as books
from recsys.types import TimeArray, Viewer
from support.evidence import proves
from support.licensed import Licensed
from support.rights import avails_csv, avails_xml, ern, onix, sales

LIFT = datetime(2027, 2, 28, 23, tzinfo=UTC).timestamp()  # midnight in Berlin, the first of March
SURFACES = ("feed", "search", "detail", "batch", "home", "push", "hot", "selected", "chart", "popup")
SUPPRESSED = {"Territory": "DE", "Start": "Immediate", "End": "Open", "SuppressionLiftDate": "2027-03-01"}
DEAL = (
    "<Transaction><LicenseType>SVOD</LicenseType><Territory><country>DE</country></Territory>"
    "<StartCondition>Immediate</StartCondition><EndCondition>Open</EndCondition>"
    '<Term termName="SuppressionLiftDate"><Event>2027-03-01</Event></Term></Transaction>'
)
DATED = "<PublishingDate><PublishingDateRole>02</PublishingDateRole><Date>20270301</Date></PublishingDate>"
DOCUMENTS = {
    "tide": avails_csv(SUPPRESSED | {"ContentID": "tide"}),
    "md:cid:lighthouse:tide": avails_xml(DEAL),
    "9789999999991": onix(sales("01", RegionsIncluded="WORLD"), dates=DATED),
    "4099999999990": ern(
        "<TerritoryCode>DE</TerritoryCode><UseType>Stream</UseType>"
        "<ReleaseDisplayStartDate>2027-03-01</ReleaseDisplayStartDate>"
    ),
}


def _no_embargo(patch: pytest.MonkeyPatch) -> None:
    for reader in (avails, books, ddex):
        patch.setattr(reader, "embargo", lambda where, lifts: Term(where, closes=float("-inf"), use="embargo"))


@proves("S36", mutation="embargo dates of documents are not kept", by=_no_embargo)
def test_s36_no_surface_lists_or_suggests_a_work_before_the_lift_of_any_document(tmp_path: Path) -> None:
    here = Licensed(tmp_path, *DOCUMENTS)
    for document in DOCUMENTS.values():
        here.reads(document)

    def shown() -> set[str]:
        asked = [{"user_id": "bob"}, {"similar_to": "i01"}]
        return {work for work in DOCUMENTS for on in SURFACES for ask in asked if here.shows(work, "DE", on, **ask)}

    here.clock.saw(LIFT - 1)
    assert shown() == set()
    here.clock.saw(LIFT)
    assert shown() == set(DOCUMENTS)
    here.close()


def _unread(patch: pytest.MonkeyPatch) -> None:
    def without(catalogue: Catalogue, name: str) -> TimeArray:
        return np.full(len(catalogue), np.nan) if name == "embargo_until" else _seconds(catalogue, name)

    patch.setattr("recsys.safety.columns._seconds", without)


@proves("S36", mutation="embargoes of a record are not read", by=_unread)
def test_s36_before_the_lift_no_explanation_names_a_work_that_a_user_knows(tmp_path: Path) -> None:
    here = Licensed(tmp_path)
    here.stand.saw("ann", "i05", "i07")
    lifts = datetime.fromtimestamp(LIFT, UTC)
    here.control.upsert_items([{"item_id": "i05", "title": "Five", "genres": ["blue"], "embargo_until": lifts}], "desk")

    def named() -> set[str]:
        answer = here.answer(Viewer("feed", "DE", 30), 20, user_id="ann", explain=True)
        return {item for row in answer.because for item in row}

    here.clock.saw(LIFT - 1)
    assert named() == {"i07"}
    here.clock.saw(LIFT)
    assert "i05" in named()
    here.close()
