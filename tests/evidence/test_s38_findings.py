"""S38: the most restrictive verdict wins; it carries label, score, term, list and policy; an error is its own state."""

from dataclasses import replace

import pytest

from recsys.safety import Effective, Finding, Verdict
from recsys.safety.detail import Scene, finding
from recsys.safety.judge import Ruling, rule_on
from recsys.safety.marks import Marks
from recsys.safety.policy import Policy
from recsys.safety.stance import Stance
from recsys.types import Viewer
from support.evidence import proves
from support.gates import found, gate, pack

PACK = """
mild = { verdict = "label" }
grave = { verdict = "block", bands = [{ at_least = 0.0, verdict = "allow" }, { at_least = 0.5, verdict = "limit" }] }
named = { verdict = "hold" }

[lists]
titles = ["Bad Seed"]

[[rules]]
id = "titles"
field = "title"
any_of = ["list:titles"]
labels = ["named"]
"""
VIEWER = Viewer("feed", "DE", 30)


def _the_first_counts(patch: pytest.MonkeyPatch) -> None:
    def first(policy: Policy, marks: Marks, view: Stance) -> Ruling:
        return rule_on(policy, marks[-1:], view)

    patch.setattr("recsys.safety.bench.rule_on", first)


def _bare(patch: pytest.MonkeyPatch) -> None:
    def bare(item: int, scene: Scene) -> Finding:
        return replace(finding(item, scene), label=None, score=None, term=None, list_id=None, rule=None)

    patch.setattr("recsys.safety.gate.finding", bare)


@proves("S38", mutation="one label counts, whichever it is", by=_the_first_counts)
def test_s38_of_several_labels_the_most_restrictive_verdict_wins() -> None:
    assert found(gate(pack(PACK), {"labels": ["grave", "mild"]}), VIEWER).verdict is Verdict.BLOCK
    assert found(gate(pack(PACK), {"labels": ["general", "mild"]}), VIEWER).verdict is Verdict.LABEL


@proves("S38", mutation="a verdict says nothing of itself", by=_bare)
def test_s38_a_verdict_carries_label_score_term_list_rule_and_policy_version() -> None:
    policy = pack(PACK)
    scored = {"i0": (Effective("grave", 0.7, None, "model", None),)}
    one = found(gate(policy, {}, labels=scored), VIEWER)
    assert (one.verdict, one.label, one.score, one.source) == (Verdict.LIMIT, "grave", 0.7, "model")
    two = found(gate(policy, {"title": "BAD SEED"}), VIEWER)
    assert (two.label, two.term, two.list_id, two.rule) == ("named", "bad seed", "titles", "titles")
    assert one.policy == two.policy == policy.cite
    assert not one.error
    assert found(gate(policy, {"min_age": -1}), VIEWER).error
