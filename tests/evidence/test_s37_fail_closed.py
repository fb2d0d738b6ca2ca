"""S37: a missing label, a stale policy, a scanner's error: not shown on strict surfaces; the list is filled safely."""

from pathlib import Path

import pytest

from recsys.safety import Effective, Gate, Verdict, load_policy
from recsys.safety.judge import Ruling
from recsys.types import Viewer
from serving.asks import Ask
from serving.stores.control import ControlStore
from support.evidence import proves
from support.gates import NOW, found, gate, said
from support.serve import make_bundle, records, stand

STRICT = ("minor", "push", "home", "hot")


def _everything_is_fine(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("recsys.safety.bench.rule_on", lambda policy, marks, view: Ruling(Verdict.ALLOW, cleared=True))


def _never_stale(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "stale", property(lambda gate: False))


def _errors_are_labels(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("recsys.safety.judge.ERROR_LABEL", "")


@proves("S37", mutation="labels are not asked", by=_everything_is_fine)
def test_s37_what_nobody_labelled_is_on_no_strict_surface() -> None:
    for name in ("open", "strict", "films", "books", "music", "news"):
        over = gate(load_policy(name), {}, {"labels": ["general"]})
        for surface in STRICT:
            assert said(over, Viewer(surface, "DE", 30)) == ("hold", "unlabelled")
            assert surface == "minor" or name == "films" or said(over, Viewer(surface, "DE", 30), 1)[0] == "allow"


@proves("S37", mutation="a policy is never stale", by=_never_stale)
def test_s37_under_a_policy_that_is_older_than_120_s_strict_surfaces_show_nothing() -> None:
    for age, shown in ((120.0, True), (120.5, False), (float("inf"), False)):
        over = gate(load_policy("open"), {"labels": ["general"]}, confirmed=lambda age=age: NOW - age)
        for surface in STRICT:
            assert bool(over.mask(Viewer(surface, "DE", 3))[0]) is shown
            assert said(over, Viewer(surface, "DE", 3))[0] == ("allow" if shown else "hold")


@proves("S37", mutation="an error is a label like any other", by=_errors_are_labels)
def test_s37_what_a_scanner_could_not_judge_is_held_everywhere_as_an_error() -> None:
    failed = {"i0": (Effective("error", None, None, "model", None), Effective("general", None, None, "human", None))}
    over = gate(load_policy("open"), {}, labels=failed)
    for surface in (*STRICT, "feed", "search"):
        one = found(over, Viewer(surface, "DE", 30))
        assert (one.verdict, one.reason, one.error) == (Verdict.HOLD, "error", True)


@proves("S37", mutation="labels are not asked", by=_everything_is_fine)
def test_s37_the_response_is_filled_from_the_cleared_pool(tmp_path: Path) -> None:
    here = stand(tmp_path, make_bundle(tmp_path / "bundle", recipes=[{"recipe": "popular", "half_life_days": 30.0}]))
    cleared = [{**record, "labels": ["general"]} for record in records()[1:4]]
    here.control.upsert_items(cleared, "app")
    answer = here.engine.recommend([Ask(Viewer("home", "DE", 30), 10)])[0]
    assert sorted(answer.view.ids.external(answer.slate.items)) == ["i01", "i02", "i03"]


@proves("S37", mutation="a policy is never stale", by=_never_stale)
def test_s37_a_policy_is_confirmed_as_long_as_the_control_store_is_heard_of(tmp_path: Path) -> None:
    here = stand(tmp_path, make_bundle(tmp_path / "bundle", recipes=[{"recipe": "popular", "half_life_days": 30.0}]))
    here.control.upsert_items([{**records()[1], "labels": ["general"]}], "app")
    here.control.__class__ = _Silent  # the same store over a server that has stopped to answer
    for silent, shown in ((0.0, 1), (119.0, 1), (121.0, 0)):
        _Silent.silence = silent
        answer = here.engine.recommend([Ask(Viewer("home", "DE", 30), 10)])[0]
        assert ("policy_stale" in answer.degraded) is (silent > 120)
        assert answer.view.gate.mask(Viewer("home", "DE", 30)).sum() == shown


class _Silent(ControlStore):
    silence = 0.0

    def silent_seconds(self) -> float:
        return self.silence
