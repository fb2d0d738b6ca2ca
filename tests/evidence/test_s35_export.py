"""S35: schema.org and Dublin Core export come from the same record as the gate reads."""

from datetime import UTC, datetime

import pytest

from recsys.safety.export import Work, dublin_core, schema_org, work
from recsys.safety.rights import ALLOWED, from_item
from support.evidence import proves

END = datetime(2027, 1, 1, tzinfo=UTC)
RECORD = {"item_id": "a", "title": "Tide", "territories": ["DE"], "available_to": END, "min_age": 16}


def _other_rights(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(work, "from_item", lambda record: ALLOWED)


@proves("S35", mutation="the export does not read the record's rights", by=_other_rights)
def test_s35_both_formats_say_the_windows_that_the_gate_goes_by() -> None:
    exported = Work.of(RECORD)
    (offer,) = schema_org(exported)["offers"]
    assert from_item(RECORD).windows("DE") == ((float("-inf"), END.timestamp()),)
    assert (offer["eligibleRegion"], offer["availabilityEnds"]) == (["DE"], "2027-01-01T00:00:00Z")
    assert "May be shown in DE until before 2027-01-01T00:00:00Z" in dublin_core(exported)
