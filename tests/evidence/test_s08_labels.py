"""S08: no response drops a label or who gave it."""

import json
from pathlib import Path

import pytest

from recsys.safety import Gate
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.asks import Ask
from support.evidence import proves
from support.serve import make_bundle, records, stand


def _only_the_first(patch: pytest.MonkeyPatch) -> None:
    whole = Gate.provenance
    patch.setattr(Gate, "provenance", lambda gate, index: dict(list(whole(gate, index).items())[:1]))


@proves("S08", mutation="only the first label of an item is sent", by=_only_the_first)
def test_s08_a_response_has_every_label_with_its_source(tmp_path: Path) -> None:
    here = stand(tmp_path, make_bundle(tmp_path / "bundle", recipes=[{"recipe": "popular", "half_life_days": 30.0}]))
    labels = ["general", "sponsored", "synthetic", "ai_generated"]
    here.control.upsert_items([{**records()[1], "labels": labels}], "app")
    answer = here.engine.recommend([Ask(Viewer("feed", "DE", 30), 40)])[0]
    item = next(one for one in json.loads(encode_list(answer))["items"] if one["item_id"] == "i01")
    assert item["labels"] == ["ai_generated", "general", "sponsored", "synthetic"]
    assert item["label_sources"] == {name: ["provider"] for name in item["labels"]}
    assert item["notice"] == {"verdict": "label", "labels": ["ai_generated", "sponsored"]}
