"""S07: what a machine has made is held without its label, and with it the response says so."""

from pathlib import Path

import pytest

from recsys.safety import Gate, load_policy, packs
from recsys.types import Viewer
from support.evidence import proves
from support.gates import gate, said
from support.inside import inside
from support.mutations import without_rule

SURFACES = ("feed", "search", "detail", "batch", "home", "push", "hot", "selected", "chart", "popup", "minor")
HELD = ("hold", "label:ai_unlabelled")


def _says_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "ai_labels", lambda gate, index: [])


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
