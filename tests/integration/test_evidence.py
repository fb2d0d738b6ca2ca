"""`recsys safety evidence`: a proof counts only if it passes, and fails once its rule is gone."""

import shutil
from pathlib import Path

import pytest

from recsys.errors import ConfigError
from serving.evidence import STATEMENTS, gather

FAIL = {"S31", "S30", "S39", "S05", "S19", "S29"}
TESTS = Path(__file__).parent.parent
PROOFS = """
import pytest
from support.evidence import proves
import support.rule as rule

def gone(patch):
    patch.setattr(rule, "allowed", lambda age: True)

@proves("S15", mutation="nobody is too young", by=gone)
def test_s15_a_proof():
    assert not rule.allowed(3)

@proves("S31", mutation="nobody is too young", by=gone)
def test_s31_cannot_fail():
    assert rule.allowed(30)

@proves("S30", mutation="nobody is too young", by=gone)
def test_s30_is_red():
    assert rule.allowed(3)

def broken(patch):
    patch.delattr(rule, "allowed")

@proves("S39", mutation="the call is broken, the rule is not", by=broken)
def test_s39_is_red_for_the_wrong_reason():
    assert not rule.allowed(3)

def lame(patch):
    patch.setattr(rule, "checked", lambda age: None)

@proves("S05", mutation="nobody is too young", by=gone)
@proves("S05", mutation="nothing is asserted", by=lame)
def test_s05_one_of_two_mutations_changes_nothing():
    rule.checked(30)
    assert not rule.allowed(3)

def helped(patch):
    patch.setattr(rule, "allowed", lambda age: rule.checked(age))

@proves("S19", mutation="it fails in a helper", by=helped)
def test_s19_is_red_by_an_assertion_of_somebody_else():
    assert not rule.allowed(3)

def nothing(patch):
    pass

@proves("S29", mutation="nothing at all", by=nothing)
def test_s29_whose_mutation_does_nothing():
    assert not rule.allowed(3)

@proves("S28", mutation="nobody is too young", by=lambda patch: patch.setattr(rule, "refused", lambda age: None))
def test_s28_a_refusal_that_no_longer_comes():
    with pytest.raises(ValueError):
        rule.refused(3)
"""
RULE = """
def allowed(age):
    return age > 18

def checked(age):
    assert age > 18

def refused(age):
    if age <= 18:
        raise ValueError
"""


@pytest.fixture
def proofs(tmp_path: Path) -> Path:
    tests = tmp_path / "tests"
    for name in ("conftest.py", "support/evidence.py", "evidence/conftest.py", "evidence/test_mutations.py"):
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TESTS / name, tests / name)
    (tests / "support" / "rule.py").write_text(RULE)
    (tests / "evidence" / "test_s15_ages.py").write_text(PROOFS)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n')
    return tests / "evidence"


def test_a_proof_counts_only_if_it_turns_red_without_its_rule(proofs: Path) -> None:
    rows = [row for row in gather(proofs) if row["test"]]
    results = {(row["id"], row["mutation"]): row["result"] for row in rows}
    assert {key: result for key, result in results.items() if result == "pass"} == {
        ("S15", "nobody is too young"): "pass",
        ("S05", "nobody is too young"): "pass",
        ("S28", "nobody is too young"): "pass",
    }
    assert {name for (name, _), result in results.items() if result == "fail"} == FAIL


def test_each_mutation_of_a_proof_has_a_row_of_its_own(proofs: Path) -> None:
    rows = [row for row in gather(proofs) if row["id"] == "S05"]
    assert [(row["mutation"], row["result"]) for row in rows] == [
        ("nobody is too young", "pass"),
        ("nothing is asserted", "fail"),
    ]


def test_a_statement_without_a_proof_is_a_failure(proofs: Path) -> None:
    missing = [row for row in gather(proofs) if row["test"] is None]
    assert {row["id"] for row in missing} == set(STATEMENTS) - FAIL - {"S15", "S28"}
    assert {row["result"] for row in missing} == {"fail"}


def test_without_the_source_tree_it_says_where_the_proofs_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="source tree"):
        gather(tmp_path / "nowhere")
