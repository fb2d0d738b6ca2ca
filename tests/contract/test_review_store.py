"""Cases, statements and appeals in the control store, on SQLite and on PostgreSQL."""

import threading

import pytest

from recsys.errors import ConfigError
from recsys.safety.labels import PRESENT, LabelEvent
from serving.stores.records import ConflictError
from serving.stores.reviews import APPEAL_DAYS, CLAIM_SECONDS, Decision, Reasons, case, case_of
from serving.stores.takedowns import Basis
from support.stores import clock, control, location

__all__ = ["clock", "control", "location"]

REASONS = Reasons("what was found", "why it matters", "which rule", "everywhere")


def decision(review_id, version, label="hate", **more):
    event = LabelEvent(f"l-{review_id}-{version}-{label}", "", PRESENT, "human", label, created=1.0, **more)
    return Decision(review_id, version, (event,), REASONS, "Studio")


def test_the_id_of_a_case_says_of_which_item_it_is():
    for item in ("408", "a/b", "作品", "?"):
        assert case_of(case("hold", item).id) == case("hold", item)
    assert [case_of(given) for given in ("report_YQ", "hold_", "hold_!", "hold_YR", "x")] == [None] * 5


def test_reports_of_an_item_are_one_case_with_the_worst_reason(control):
    control.report("a", "other", "", "p1")
    found = control.report("a", "minors", "look", "p2")
    assert control.reviews() == [found]
    assert (found.reports, found.reason, found.version) == (2, "minors", 2)
    assert sorted(note[:3] for note in control.report_notes(found.id)) == [
        ("minors", "look", "p2"),
        ("other", "", "p1"),
    ]


def test_a_decision_stores_label_and_statement_and_closes_the_case(control):
    found = control.report("a", "hate", "", "p")
    done = control.decide_review(decision(found.id, 1), "sam")
    (label,) = control.label_events(["a"])
    assert (label.source, label.actor, label.evidence) == ("human", "sam", f"statement {done.id}")
    assert control.reviews() == []
    assert control.statement(done.id) == done
    assert (done.provider, done.reasons, done.labels[0]["label"]) == ("Studio", REASONS, "hate")
    assert control.statements(provider="Studio") == control.statements(item_id="a") == [done]
    assert control.statements(item_id="b") == []


def test_a_statement_that_names_no_provider_is_found_by_whose_the_work_is(control, clock):
    order = control.take_down("a", reason="court order", actor="sam")
    record = {"item_id": "b", "provider": "Studio"}
    named = control.take_down("b", reason="court order", actor="sam", basis=Basis(record=record))
    clock.now += 1
    found = control.report("a", "hate", "", "p")
    done = control.decide_review(decision(found.id, 1), "sam")
    control.take_down("c", reason="court order", actor="sam")
    of = {"a": "Studio", "c": "Other"}.get
    listed = [one.id for one in control.statements(provider="Studio", provider_of=of)]
    assert listed == [done.id, *sorted([f"st_{order.id}", f"st_{named.id}"])]
    assert [one.item_id for one in control.statements(provider="Other", provider_of=of)] == ["c"]


def test_a_decision_that_cannot_be_stored_changes_nothing(control):
    found = control.report("a", "hate", "", "p")
    with pytest.raises(ConfigError, match="at least one"):
        control.decide_review(Decision(found.id, 1, (), REASONS), "sam")
    with pytest.raises(Exception, match="score"):
        control.decide_review(decision(found.id, 1, score=7.0), "sam")
    assert (control.review(found.id), control.label_events(), control.statements()) == (found, [], [])


def test_a_new_report_opens_a_decided_case_again(control):
    found = control.report("a", "minors", "", "p")
    control.decide_review(decision(found.id, 1), "sam")
    again = control.report("a", "other", "", "p")
    assert (again.open, again.reports, again.reason, again.version) == (True, 1, "other", 3)


def test_a_claim_keeps_others_away_for_half_an_hour(control, clock):
    hold = case("hold", "a").id
    assert control.claim_review(hold, 0, "sam").version == 1
    with pytest.raises(ConflictError, match="sam is looking"):
        control.claim_review(hold, 1, "tom")
    clock.now += CLAIM_SECONDS
    assert control.claim_review(hold, 1, "tom").claimed_by == "tom"


def test_of_people_who_decide_at_once_one_does(control):
    found = control.report("a", "hate", "", "p")
    done, late = [], []

    def decide(name):
        try:
            done.append(control.decide_review(decision(found.id, 1, name), name))
        except ConflictError as error:
            late.append(str(error))

    threads = [threading.Thread(target=decide, args=(name,)) for name in ("sam", "tom", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(late)) == (1, 2)
    assert len(control.label_events()) == 1


def test_an_appeal_bars_whoever_decided(control):
    found = control.report("a", "hate", "", "p")
    first = control.decide_review(decision(found.id, 1), "sam")
    appeal = control.appeal(first.id, "it is a museum", "p")
    assert control.appeal(first.id, "again", "p") == appeal
    with pytest.raises(ConflictError, match="another reviewer"):
        control.decide_review(decision(appeal.id, 1, negates=True), "sam")
    second = control.decide_review(decision(appeal.id, 1, negates=True), "tom")
    assert second.barred == ("sam", "tom")
    with pytest.raises(ConflictError, match="has been decided"):
        control.appeal(first.id, "once more", "p")


def test_an_appeal_comes_within_six_months_of_a_statement_that_exists(control, clock):
    found = control.report("a", "hate", "", "p")
    first = control.decide_review(decision(found.id, 1), "sam")
    clock.now += APPEAL_DAYS * 86_400 + 1
    with pytest.raises(ConflictError, match="are over"):
        control.appeal(first.id, "late", "p")
    with pytest.raises(ConfigError, match="no statement"):
        control.appeal("st_none", "why", "p")


def test_every_step_is_audited(control):
    found = control.report("a", "hate", "a note", "p")
    control.claim_review(found.id, 1, "sam")
    done = control.decide_review(decision(found.id, 2), "sam")
    control.appeal(done.id, "no", "p")
    assert [(line.actor, line.action, line.target) for line in control.audit()] == [
        ("p", "review.report", "a"),
        ("sam", "review.claim", "a"),
        ("sam", "labels.add", "a"),
        ("sam", "review.decide", "a"),
        ("p", "review.appeal", "a"),
    ]
    assert control.verify_audit() is None
