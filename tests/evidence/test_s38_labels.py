"""S38: a label carries score, matched term, list and version; ``error`` is a state of its own, which is held."""

from pathlib import Path

import pytest

from recsys.safety.labels import LabelEvent, fold
from recsys.types import Viewer
from support.evidence import proves
from support.inside import inside


def _deaf(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("serving.building.relabelled", lambda view, control, now, touched=None: view)


@proves("S38", mutation="labels that come in while the system runs do not reach the gate", by=_deaf)
def test_s38_a_failed_scan_is_held_on_every_surface_from_the_next_request_on(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        assert "i01" in api.ids()
        failed = {"item_id": "i01", "source": "model", "label": "error", "actor": "scanner", "evidence": "timed out"}
        api.done("POST", "/v1/labels", {"labels": [failed]}, role="platform")
        gate = api.runtime.engine.live.view().gate
        (index,) = api.runtime.engine.live.view().ids.dense(["i01"])
        for surface in ("feed", "search", "detail", "home", "hot", "push", "minor"):
            assert not gate.mask(Viewer(surface, age=30))[index]


def _lenient(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("recsys.safety.labels.folding._MACHINES", frozenset({"model", "regulator"}))


@proves("S38", mutation="a person's word lifts a label of the law", by=_lenient)
def test_s38_a_person_lifts_a_machines_label_and_never_one_of_the_law() -> None:
    def said(source: str, label: str, **more: object) -> LabelEvent:
        return LabelEvent(f"{source}-{label}-{len(more)}", "film", 0, source, label, **more)

    machine, law = said("model", "hate", score=0.9), said("regulator", "banned")
    person = [said("human", name, created=5.0, negates=True) for name in ("hate", "banned")]
    assert [(label.label, label.source) for label in fold([machine, law, *person], 9.0)] == [("banned", "regulator")]
