"""S08: no response or export drops a label or its provenance; here the labels as said, over HTTP and in the lake."""

from pathlib import Path

import pytest

from recsys.lake import Lake
from recsys.safety.labels import LabelEvent
from serving.stores import sync
from serving.stores.control import ControlStore
from serving.stores.state import open_state
from support.evidence import proves
from support.inside import inside

SAID = {
    "label": "nudity",
    "source": "model",
    "score": 0.75,
    "territory": "DE",
    "negates": False,
    "evidence": "frame 12, list skin-3",
    "policy_version": "vision-2026-11",
    "actor": "vision",
}


def _without_who(patch: pytest.MonkeyPatch) -> None:
    kept = {name: kind for name, kind in sync.LABEL_FIELDS.items() if name not in {"actor", "evidence"}}
    patch.setattr(sync, "LABEL_FIELDS", kept)


@proves("S08", mutation="the lake gets labels without who gave them and why", by=_without_who)
def test_s08_a_label_in_the_lake_says_who_gave_it_and_why(tmp_path: Path) -> None:
    control, state = ControlStore.open(tmp_path / "control.db"), open_state(tmp_path / "state.db")
    try:
        control.add_labels([LabelEvent(id="l1", item_id="i01", item_version=0, created=1.0, **SAID)], "officer")
        lake = Lake(tmp_path / "lake")
        sync.drain_labels(control, state, lake)
        (row,) = lake.read("labels").to_pylist()
        assert {name: row[name] for name in SAID} == SAID
    finally:
        control.close()
        state.close()


def _forgetful(patch: pytest.MonkeyPatch) -> None:
    from serving.api import labelling

    whole = labelling._event
    patch.setattr(labelling, "_event", lambda *given, **more: _stripped(whole(*given, **more)))


def _stripped(event: LabelEvent) -> LabelEvent:
    return LabelEvent(event.id, event.item_id, event.item_version, event.source, event.label, created=event.created)


@proves("S08", mutation="a label that comes in over HTTP loses its provenance", by=_forgetful)
def test_s08_a_label_comes_back_over_http_with_all_that_was_said(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        api.done("POST", "/v1/labels", {"labels": [{"item_id": "i01", **SAID}]})
        found = api.done("GET", "/v1/items/i01/labels")
        (event,) = found["history"]
        assert {name: event[name] for name in SAID} == SAID
        assert [(label["label"], label["source"]) for label in found["effective"]] == [("nudity", "model")]
