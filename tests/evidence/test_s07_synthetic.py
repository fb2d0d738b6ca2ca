"""S07: what a machine has made is held without its label, and with it the response says so."""

from pathlib import Path

import pytest

from recsys.safety import Gate, load_policy, packs
from recsys.safety.judge import excepted
from recsys.safety.load import PACKS
from recsys.types import Viewer
from support.evidence import proves
from support.gates import gate, said
from support.inside import inside
from support.mutations import without_rule

SURFACES = ("feed", "search", "detail", "batch", "home", "push", "hot", "selected", "chart", "popup", "minor")
HELD = ("hold", "label:ai_unlabelled")


def _says_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "ai_labels", lambda gate, labels: [])


@proves("S07", mutation="the rule on the label synthetic is gone", by=without_rule("synthetic-without-label"))
def test_s07_what_is_labelled_synthetic_is_held_without_an_ai_label_under_every_pack() -> None:
    for name in packs():
        over = gate(load_policy(name), {"labels": ["general", "synthetic"]})
        assert {said(over, Viewer(surface, "DE", 30)) for surface in SURFACES} == {HELD}


@proves("S07", mutation="the rule on the attribute is gone", by=without_rule("synthetic-attribute-without-label"))
def test_s07_what_has_the_attribute_synthetic_is_held_without_an_ai_label_under_every_pack() -> None:
    for name in packs():
        over = gate(load_policy(name), {"labels": ["general"], "attributes": ["synthetic"]})
        assert {said(over, Viewer(surface, "DE", 30)) for surface in SURFACES} == {HELD}


@proves("S07", mutation="the response does not say which label tells of a machine", by=_says_nothing)
def test_s07_with_an_ai_label_it_is_shown_and_the_response_has_ai_label(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        works = [{"item_id": "i01", "labels": ["synthetic"]}, {"item_id": "i03", "labels": ["general"]}]
        api.done("PUT", "/v1/items", {"items": works}, role="platform")
        assert "i01" not in api.ids()
        label = {"item_id": "i01", "source": "human", "label": "ai_generated"}
        api.done("POST", "/v1/labels", {"labels": [label]})
        found = api.done("POST", "/v1/recommend", {"age": 30, "k": 40}, role="platform")["items"]
        told = {item["item_id"]: item.get("ai_label") for item in found}
        assert (told["i01"], told["i03"]) == ("ai_generated", None)


def _only_what_was_said(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("recsys.safety.gate.implied", lambda policy, marks, *, placed: excepted(policy, marks))


@proves("S07", mutation="a label that a rule draws from another one is not sent", by=_only_what_was_said)
def test_s07_where_a_rule_labels_what_is_synthetic_the_response_says_so(tmp_path: Path) -> None:
    rule = 'id = "told"\nfield = "labels"\nany_of = ["made"]\nlabels = ["ai_generated"]'
    made = '[labels.made]\nverdict = "allow"'
    pack = (PACKS / "open.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(f"{pack}\n{made}\n[[rules]]\n{rule}\n", encoding="utf-8")
    with inside(tmp_path, policy=str(tmp_path / "mine.toml")) as api:
        api.done("PUT", "/v1/items", {"items": [{"item_id": "i01", "labels": ["made"]}]}, role="platform")
        found = api.done("POST", "/v1/recommend", {"age": 30, "k": 40}, role="platform")["items"]
        told = next(item for item in found if item["item_id"] == "i01")
        assert told["notice"]["labels"] == ["ai_generated"]
        assert told.get("ai_label") == "ai_generated"
        assert told["label_sources"] == {"ai_generated": ["rule:told"], "made": ["provider"]}
