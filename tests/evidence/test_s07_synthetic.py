"""S07: what a machine has made is held without its label, and with it the response says so."""

import json
from pathlib import Path

import pytest

from recsys.safety import Gate, load_policy
from recsys.safety.marks import Marks
from recsys.safety.policy import Policy
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.asks import Ask
from support.evidence import proves
from support.gates import gate, said
from support.serve import make_bundle, records, stand

POPULAR = [{"recipe": "popular", "half_life_days": 30.0}]


def _no_rules_on_labels(patch: pytest.MonkeyPatch) -> None:
    def implied(policy: Policy, marks: Marks) -> Marks:
        return marks

    patch.setattr("recsys.safety.judge.implied", implied)


def _says_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "ai_labels", lambda gate, index: [])


@proves("S07", mutation="rules on labels are not asked", by=_no_rules_on_labels)
def test_s07_a_synthetic_item_without_an_ai_label_is_held() -> None:
    for name in ("open", "strict"):
        over = gate(load_policy(name), {"labels": ["general", "synthetic"]})
        for surface in ("feed", "search", "home", "push", "minor"):
            assert said(over, Viewer(surface, "DE", 30)) == ("hold", "label:ai_unlabelled")


@proves("S07", mutation="the response does not say which label tells of a machine", by=_says_nothing)
def test_s07_with_an_ai_label_it_is_shown_and_the_response_has_ai_label(tmp_path: Path) -> None:
    here = stand(tmp_path, make_bundle(tmp_path / "bundle", recipes=POPULAR))
    here.control.upsert_items([{**records()[1], "labels": ["synthetic", "ai_generated"]}], "app")
    answer = here.engine.recommend([Ask(Viewer("feed", "DE", 30), 40)])[0]
    shown = {item["item_id"]: item for item in json.loads(encode_list(answer))["items"]}
    assert shown["i01"]["ai_label"] == "ai_generated"
    assert "ai_label" not in shown["i03"]
