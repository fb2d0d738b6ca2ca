"""S08: no export drops a label or its provenance."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from recsys.safety.export import Work, dublincore, schemaorg
from recsys.safety.labels import PRESENT, LabelEvent
from serving.stores.control import ControlStore
from support.commands import recsys
from support.evidence import proves

PROVENANCE = "{http://purl.org/dc/terms/}provenance"


def _only_the_record(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("serving.works.holding", lambda control, known, now: {})


def _first_only(patch: pytest.MonkeyPatch) -> None:
    whole = Work.labels.func  # type: ignore[attr-defined]
    patch.setattr(Work, "labels", property(lambda work: whole(work)[:1]))


def _no_source(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schemaorg, "_label", lambda label: {"name": label.label, "valueReference": []})
    patch.setattr(dublincore, "_label", lambda label: f"label={label.label}")


def _said(folder: Path) -> None:
    """A work whose provider says two things, of which a person lifts one and a model adds another."""
    (folder / "var").mkdir()
    control = ControlStore.open(folder / "var" / "control.db")
    control.upsert_items([{"item_id": "a", "title": "Tide", "labels": ["drugs", "violence"]}], "platform")
    model = {"score": 0.75, "territory": "DE", "expires": 4e9, "actor": "scanner"}
    events = [
        LabelEvent("m", "a", PRESENT, "model", "horror", created=1.0, **model),
        LabelEvent("h", "a", PRESENT, "human", "violence", created=2.0),
        LabelEvent("n", "a", PRESENT, "human", "drugs", created=2.0, negates=True),
    ]
    control.add_labels(events, "officer")
    control.close()


@proves("S08", mutation="only the labels of the record are exported", by=_only_the_record)
@proves("S08", mutation="only the first label is exported", by=_first_only)
@proves("S08", mutation="labels are exported without their source", by=_no_source)
def test_s08_schema_org_has_every_label_that_holds_with_its_provenance(tmp_path: Path) -> None:
    _said(tmp_path)
    (node,) = json.loads(recsys(tmp_path, "export", "--format", "schemaorg"))["@graph"]
    kept = [
        {"label": one["name"], **{part["propertyID"]: part["value"] for part in one["valueReference"]}}
        for one in node["additionalProperty"]
    ]
    assert kept == [
        {"label": "horror", "source": "model", "territory": "DE", "expires": "2096-10-02T07:06:40Z"},
        {"label": "violence", "source": "human"},
        {"label": "violence", "source": "provider"},
    ]


@proves("S08", mutation="only the labels of the record are exported", by=_only_the_record)
@proves("S08", mutation="only the first label is exported", by=_first_only)
@proves("S08", mutation="labels are exported without their source", by=_no_source)
def test_s08_dublin_core_has_every_label_that_holds_with_its_provenance(tmp_path: Path) -> None:
    _said(tmp_path)
    document = ElementTree.fromstring(recsys(tmp_path, "export", "--format", "dc"))
    assert [node.text for node in document.iter(PROVENANCE)] == [
        "label=horror; source=model; score=0.75; territory=DE; expires=2096-10-02T07:06:40Z",
        "label=violence; source=human",
        "label=violence; source=provider",
    ]
