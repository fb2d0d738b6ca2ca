"""S38 in a receipt: the verdict on an item carries label, score, matched term, list, rule and policy version."""

from pathlib import Path

import pytest

from recsys.safety.verdict import Finding
from support.evidence import proves
from support.gates import PACK
from support.inside import inside

MORE = """
noted = { verdict = "label" }
grim = { verdict = "block", bands = [
    { at_least = 0.0, verdict = "allow" },
    { at_least = 0.5, verdict = "interstitial" },
] }

[lists]
titles = ["Bad Seed"]

[[rules]]
id = "seeds"
field = "title"
any_of = ["list:titles"]
labels = ["noted"]
"""


def _bare(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Finding, "grounds", property(lambda finding: {"policy": finding.policy}))


@proves("S38", mutation="a receipt does not say what verdicts rest on", by=_bare)
def test_s38_a_receipt_says_what_each_verdict_rests_on(tmp_path: Path) -> None:
    path = tmp_path / "pack.toml"
    path.write_text(PACK + MORE, encoding="utf-8")
    with inside(tmp_path, policy=str(path)) as api:
        works = [{"item_id": "seed", "title": "BAD SEED"}, {"item_id": "grave", "title": "Grave"}]
        api.done("PUT", "/v1/items", {"items": works})
        said = {"item_id": "grave", "source": "model", "label": "grim", "score": 0.7, "actor": "scanner"}
        api.done("POST", "/v1/labels", {"labels": [said]})
        shown = api.done("POST", "/v1/recommend", {"age": 30, "k": 60}, role="platform")
        receipt = api.done("GET", f"/v1/decisions/{shown['decision_id']}?replay=true")
    assert receipt["replay"]["identical"]
    found = {place["item_id"]: place for place in receipt["replay"]["items"]}
    assert (found["seed"]["verdict"], found["grave"]["verdict"]) == ("label", "interstitial")
    assert found["seed"]["grounds"] == {
        "policy": shown["policy"],
        "label": "noted",
        "source": "rule",
        "term": "bad seed",
        "list_id": "titles",
        "rule": "seeds",
    }
    assert found["grave"]["grounds"] == {"policy": shown["policy"], "label": "grim", "score": 0.7, "source": "model"}
    assert found["i01"]["grounds"] == {"policy": shown["policy"]}
