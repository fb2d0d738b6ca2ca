"""S37: a missing label, a stale policy, a scanner's error: not shown on strict surfaces; the list is filled safely."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from recsys.safety import Gate, Verdict, load_policy
from recsys.safety.court import Court
from recsys.safety.parts import Surface
from recsys.safety.policy import Policy
from recsys.safety.verdict import Verdicts
from recsys.types import Viewer
from serving.asks import Ask
from serving.stores.control import ControlStore
from support.evidence import proves
from support.gates import NOW, gate, said
from support.inside import inside
from support.serve import make_bundle, records, stand

STRICT = ("minor", "push", "home", "hot")


def _unlabelled_is_fine(patch: pytest.MonkeyPatch) -> None:
    whole = Policy.surface

    def lenient(policy: Policy, name: str) -> Surface:
        return whole(policy, name).model_copy(update={"unlabelled": Verdict.ALLOW, "strict": False})

    patch.setattr(Policy, "surface", lenient)


def _any_label_will_do(patch: pytest.MonkeyPatch) -> None:
    from recsys.safety import judge

    whole = judge._worst
    patch.setattr(judge, "_worst", lambda words, unlabelled: whole(words, None if words else unlabelled))


def _never_stale(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "stale", property(lambda gate: False))


@proves("S37", mutation="what nobody labelled is allowed", by=_unlabelled_is_fine)
def test_s37_what_nobody_labelled_is_on_no_strict_surface_under_any_pack() -> None:
    for name in ("open", "strict", "films", "books", "music", "news"):
        over = gate(load_policy(name), {}, {"labels": ["general"]})
        for surface in STRICT:
            assert said(over, Viewer(surface, "DE", 30)) == ("hold", "unlabelled")
            assert surface == "minor" or name == "films" or said(over, Viewer(surface, "DE", 30), 1)[0] == "allow"


@proves("S37", mutation="a label that says nothing of harm is as good as any", by=_any_label_will_do)
def test_s37_a_label_that_clears_nothing_leaves_a_work_unlabelled() -> None:
    film = {"media_type": "film", "descriptors": []}  # the pack itself labels it restricted
    over = gate(load_policy("strict"), film, film | {"labels": ["general"]}, {"labels": ["synthetic", "ai_generated"]})
    assert said(over, Viewer("feed", "DE", 30)) == ("hold", "unlabelled")
    assert [said(over, Viewer("feed", "DE", 30), at)[0] for at in (1, 2)] == ["allow", "label"]


@proves("S37", mutation="a policy is never stale", by=_never_stale)
def test_s37_under_a_policy_that_is_older_than_120_s_strict_surfaces_show_nothing() -> None:
    for age, shown in ((120.0, True), (120.5, False), (float("inf"), False)):
        over = gate(load_policy("open"), {"labels": ["general"]}, confirmed=lambda age=age: NOW - age)
        for surface in STRICT:
            assert bool(over.mask(Viewer(surface, "DE", 3))[0]) is shown
            assert said(over, Viewer(surface, "DE", 3))[0] == ("allow" if shown else "hold")


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


def _errors_are_labels(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("recsys.safety.judge.ERROR_LABEL", "")


@proves("S37", mutation="an error is a label that the pack does not know", by=_errors_are_labels)
def test_s37_what_a_scanner_could_not_judge_in_time_is_shown_nowhere_though_it_was_cleared(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        works = [{"item_id": name, "title": name, "labels": ["general"]} for name in ("fine", "failed")]
        api.done("PUT", "/v1/items", {"items": works})
        error = {"item_id": "failed", "source": "model", "label": "error", "actor": "scanner", "evidence": "timed out"}
        api.done("POST", "/v1/labels", {"labels": [error]}, role="platform")
        surfaces = (*STRICT, "feed", "search", "detail")
        found = {on: {"fine", "failed"} & set(api.ids(k=60, surface=on)) for on in surfaces}
        view = api.runtime.engine.live.view()  # type: ignore[union-attr]
        one = view.gate.check(Viewer("feed", "DE", 30), view.ids.dense(["failed"]).astype(np.int32)).findings[0]
    assert found == {surface: {"fine"} for surface in surfaces}
    assert (one.verdict, one.reason, one.error) == (Verdict.HOLD, "error", True)


def _nothing_is_known(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "mask", lambda gate, viewer: np.ones(gate.n_items, np.bool_))
    patch.setattr(Gate, "check", _anything)


def _anything(gate: Gate, viewer: Viewer, items: Sequence[int]) -> Verdicts:
    """A check that lets everything through."""
    n = len(items)
    witness: Any = None
    return Verdicts(np.zeros(n, np.int8), np.ones(n, np.bool_), np.zeros(n, np.uint8), gate.cite, witness)


@proves("S37", mutation="neither mask nor check keeps anything out", by=_nothing_is_known)
def test_s37_the_answer_is_200_and_is_filled_from_the_cleared_pool_or_empty(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        ask = {"age": 30, "surface": "home", "k": 10}
        empty = api.answer("POST", "/v1/recommend", ask, role="platform")
        assert (empty.status_code, empty.json()["items"]) == (200, [])
        assert empty.json()["degraded"] == ["no_cleared_items"]
        cleared = [{**record, "labels": ["general"]} for record in records()[1:4]]
        api.done("PUT", "/v1/items", {"items": cleared})
        assert sorted(api.ids(**ask)) == ["i01", "i02", "i03"]


def _open_on_failure(patch: pytest.MonkeyPatch) -> None:
    whole = Gate.check

    def lenient(gate: Gate, viewer: Viewer, items: Any) -> Verdicts:
        try:
            return whole(gate, viewer, items)
        except RuntimeError:
            return _anything(gate, viewer, items)

    patch.setattr(Gate, "check", lenient)


@proves("S37", mutation="a check that fails lets everything through", by=_open_on_failure)
def test_s37_a_gate_that_fails_shows_nothing_and_answers_200(tmp_path: Path) -> None:
    def broken(court: Court, *_: Any) -> Any:
        raise RuntimeError("a fault in the gate")

    with inside(tmp_path) as api, pytest.MonkeyPatch.context() as fault, capture_logs():
        fault.setattr(Court, "codes", broken)
        answer = api.answer("POST", "/v1/recommend", {"age": 30}, role="platform")
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    assert "engine_failed" in answer.json()["degraded"]
