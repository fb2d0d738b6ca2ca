"""S20: a removal or demotion has a statement of reasons; an appeal is decided by another person."""

from pathlib import Path

import pytest

from recsys.errors import ConfigError
from recsys.safety import load_policy
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.safety.parts import Jurisdiction
from serving.stores import reviews
from serving.stores.control import ControlStore
from serving.stores.records import ConflictError
from serving.stores.removals import state_labels
from serving.stores.reviews import Decision, Reasons
from support.commands import recsys
from support.evidence import proves
from support.inside import inside

REASONS = Reasons("Hate symbols at minute 3.", "Shown without context.", "Terms 4.2", "Everywhere, for good")


def _decision(review_id: str, reasons: Reasons = REASONS, *, negates: bool = False) -> Decision:
    label = LabelEvent(f"l-{review_id}", "", PRESENT, "human", "hate", created=1.0, negates=negates)
    return Decision(review_id, 1, (label,), reasons)


def _anybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reviews, "_is_barred", lambda review, actor: False)


@proves("S20", mutation="an appeal may be decided by whoever decided before", by=_anybody)
def test_s20_an_appeal_is_decided_by_another_person(tmp_path: Path) -> None:
    control = ControlStore.open(tmp_path / "control.db")
    try:
        first = control.decide_review(_decision(control.report("film", "hate", "", "platform").id), "officer 1")
        appeal = control.appeal(first.id, "It is a museum.", "platform")
        with pytest.raises(ConflictError, match="another reviewer"):
            control.decide_review(_decision(appeal.id, negates=True), "officer 1")
        assert control.decide_review(_decision(appeal.id, negates=True), "officer 2").decided_by == "officer 2"
    finally:
        control.close()


def _anything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reviews, "_refuse_incomplete", lambda reasons: None)


@proves("S20", mutation="a statement of reasons may be left empty", by=_anything)
def test_s20_nothing_is_decided_without_all_the_reasons(tmp_path: Path) -> None:
    control = ControlStore.open(tmp_path / "control.db")
    try:
        review_id = control.report("film", "hate", "", "platform").id
        for place in range(4):
            words = ["what", "why", "rule", "scope"]
            words[place] = " "
            with pytest.raises(ConfigError, match="is empty"):
                control.decide_review(_decision(review_id, Reasons(*words)), "officer 1")
        assert (control.label_events(), control.statements()) == ([], [])
    finally:
        control.close()


def _mute(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("serving.api.reviewing.how_to_appeal", lambda statement: "")


@proves("S20", mutation="a statement does not say how to appeal", by=_mute)
def test_s20_what_takes_a_work_off_is_told_to_its_provider(tmp_path: Path) -> None:
    told = {"what": REASONS.what, "why": REASONS.why, "rule": REASONS.rule, "scope": REASONS.scope}
    with inside(tmp_path) as api:
        report = {"item_id": "i01", "reason": "hate"}
        review_id = api.done("POST", "/v1/reports", report, role="platform")["review_id"]
        assert "i01" in api.ids()
        decision = {"version": 1, "labels": [{"label": "hate"}], **told}
        statement_id = api.done("POST", f"/v1/reviews/{review_id}/decision", decision)["id"]
        assert "i01" not in api.ids()
        found = api.done("GET", f"/v1/statements/{statement_id}", role="platform")
        assert {name: found[name] for name in told} == told
        assert statement_id in found["appeal"]


def _unstated(patch: pytest.MonkeyPatch) -> None:
    for module in ("serving.api.labelling", "serving.stores.removals"):
        patch.setattr(f"{module}.state_labels", lambda policy: None)


@proves("S20", mutation="a label that a person gives outside of the queue leaves no statement", by=_unstated)
@proves("S20", mutation="an appeal may be decided by whoever decided before", by=_anybody)
def test_s20_a_label_that_takes_a_work_off_is_stated_and_an_appeal_goes_to_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    with inside(tmp_path / "var") as api:
        said = {"source": "human", "evidence": "Hate symbols at minute 3.", "territory": "DE"}
        labels = [{"item_id": "i01", "label": "hate", **said}, {"item_id": "i03", "label": "general", **said}]
        api.done("POST", "/v1/labels", {"labels": labels})
        recsys(tmp_path, "label", "add", "i05", "illegal", "--source", "regulator", "--actor", "officer")
        found = {item: api.done("GET", f"/v1/statements?item_id={item}") for item in ("i01", "i03", "i05")}
        assert [len(found[item]) for item in found] == [1, 0, 1]
        told = found["i01"][0]
        assert (told["what"], told["why"]) == ("The work is labelled hate.", "Hate symbols at minute 3.")
        assert told["scope"] == "batch, chart, detail, feed, home, hot, minor, popup, push, search, selected; DE"
        appeal = {"statement_id": told["id"], "reason": "It is a museum."}
        case = api.done("POST", "/v1/appeals", appeal, role="platform")["review_id"]
        answers = [
            api.answer("POST", f"/v1/reviews/{case}/claim", {"version": 1}, role=r) for r in ("safety", "safety2")
        ]
        assert [answer.status_code for answer in answers] == [409, 200]


def _silent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("serving.stores.takedowns.state", lambda write, statement: None)


@proves("S20", mutation="a takedown leaves no statement of reasons", by=_silent)
def test_s20_a_takedown_has_a_statement_of_reasons_and_an_appeal_goes_to_somebody_else(tmp_path: Path) -> None:
    control = ControlStore.open(tmp_path / "control.db")
    try:
        order = control.take_down("film", reason="Court order 12/2027", actor="officer 1", territory="DE")
        found = control.statements(item_id="film")
        assert [(one.reasons.why, one.reasons.scope) for one in found] == [("Court order 12/2027", "DE")]
        told = found[0]
        assert order.id in told.reasons.rule
        appeal = control.appeal(told.id, "It was lifted.", "platform")
        with pytest.raises(ConflictError, match="another reviewer"):
            control.claim_review(appeal.id, 1, "officer 1")
        assert control.claim_review(appeal.id, 1, "officer 2").claimed_by == "officer 2"
    finally:
        control.close()


def _nowhere_else(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("serving.stores.removals._locally", lambda packs, event, plain: {})


@proves("S20", mutation="what a label takes off in one territory alone is not stated", by=_nowhere_else)
def test_s20_a_label_that_takes_a_work_off_in_one_territory_is_stated_for_that_one(tmp_path: Path) -> None:
    pack = load_policy("open")
    german = Jurisdiction.model_validate({"labels": {"gambling": {"verdict": "block"}}})
    policy = pack.model_copy(update={"territories": {"DE": german}})
    said = LabelEvent("l1", "film", PRESENT, "human", "gambling", created=1.0, evidence="Scene 3")
    control = ControlStore.open(tmp_path / "control.db")
    try:
        control.add_labels([said], "officer 1", also=state_labels(policy))
        (told,) = control.statements(item_id="film")
        elsewhere = "batch, chart, detail, feed, home, hot, search, selected; DE"
        assert told.reasons.scope == f"minor, popup, push; everywhere; and {elsewhere}"
    finally:
        control.close()
