"""S08: no export drops a label or its provenance."""

from dataclasses import dataclass

import pytest

from recsys.safety.export import Work, dublin_core, dublincore, schema_org, schemaorg
from support.evidence import proves


@dataclass(frozen=True)
class Said:
    label: str
    score: float | None
    territory: str | None
    source: str
    expires: float | None


SAID = (Said("horror", 0.75, "DE", "model", 0.0), Said("violence", None, None, "human", None))
RECORD = {"item_id": "a", "labels": ["violence"]}


def _no_labels(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Work, "labels", property(lambda exported: exported.effective[:1]))


def _no_source(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schemaorg, "_label", lambda label: {"name": label.label, "valueReference": []})
    patch.setattr(dublincore, "_label", lambda label: f"label={label.label}")


@proves("S08", mutation="only the first label is exported", by=_no_labels)
def test_s08_every_label_of_every_source_is_in_both_formats() -> None:
    exported = Work.of(RECORD, SAID)
    assert [node["name"] for node in schema_org(exported)["additionalProperty"]] == ["violence", "horror", "violence"]
    text = dublin_core(exported)
    assert (text.count("label=violence"), text.count("label=horror")) == (2, 1)


@proves("S08", mutation="labels are exported without their source", by=_no_source)
def test_s08_every_label_keeps_its_provenance_in_both_formats() -> None:
    exported = Work.of(RECORD, SAID)
    kept = [
        {part["propertyID"]: part["value"] for part in node["valueReference"]}
        for node in schema_org(exported)["additionalProperty"]
    ]
    assert kept == [
        {"source": "provider"},
        {"source": "model", "territory": "DE", "expires": "1970-01-01T00:00:00Z"},
        {"source": "human"},
    ]
    text = dublin_core(exported)
    assert "label=horror; source=model; score=0.75; territory=DE; expires=1970-01-01T00:00:00Z" in text
