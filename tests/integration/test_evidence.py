"""`recsys safety evidence`: a proof counts only if it passes, and fails once its rule is gone."""

import shutil
from pathlib import Path

import pytest

from recsys.errors import ConfigError
from serving.evidence import STATEMENTS, gather

TESTS = Path(__file__).parent.parent
PROOFS = """
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
"""


@pytest.fixture
def proofs(tmp_path: Path) -> Path:
    tests = tmp_path / "tests"
    for name in ("conftest.py", "support/evidence.py", "evidence/conftest.py", "evidence/test_mutations.py"):
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TESTS / name, tests / name)
    (tests / "support" / "rule.py").write_text("def allowed(age):\n    return age > 18\n")
    (tests / "evidence" / "test_s15_ages.py").write_text(PROOFS)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n')
    return tests / "evidence"


def test_a_proof_counts_only_if_it_turns_red_without_its_rule(proofs: Path) -> None:
    results = {row["id"]: row["result"] for row in gather(proofs) if row["test"]}
    assert results == {"S15": "pass", "S31": "fail", "S30": "fail"}


def test_a_statement_without_a_proof_is_a_failure(proofs: Path) -> None:
    missing = [row for row in gather(proofs) if row["test"] is None]
    assert {row["id"] for row in missing} == set(STATEMENTS) - {"S15", "S30", "S31"}
    assert {row["result"] for row in missing} == {"fail"}


def test_without_the_source_tree_it_says_where_the_proofs_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="source tree"):
        gather(tmp_path / "nowhere")
