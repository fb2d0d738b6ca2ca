"""What of all that was said of a work holds now."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import DataError
from recsys.safety.labels import LEGAL, SOURCES, Effective, LabelEvent, fold, fold_all, recorded

NOW = 1_000.0
_ids = iter(range(10**9))


def said(source, label="violence", *, at=1.0, version=0, **more):
    return LabelEvent(f"e{next(_ids)}", "film", version, source, label, created=at, **more)


def names(*events, now=NOW, version=0):
    return [(found.label, found.source) for found in fold(events, now, version=version)]


def test_a_label_comes_out_with_its_score_place_source_and_end():
    event = said("model", score=0.7, territory="DE", expires=2_000.0)
    assert fold([event], NOW) == (Effective("violence", 0.7, "DE", "model", 2_000.0),)


def test_sources_that_say_the_same_are_all_kept():
    assert names(said("model"), said("provider")) == [("violence", "model"), ("violence", "provider")]


def test_the_newest_of_a_source_counts():
    (found,) = fold([said("model", at=2.0, score=0.1), said("model", at=1.0, score=0.9)], NOW)
    assert found.score == 0.1


@pytest.mark.parametrize("source", ["model", "rule", "provider"])
def test_no_machine_and_no_provider_lifts_what_another_one_says(source):
    found = fold([said(source, actor="a", score=0.9), said(source, at=2.0, actor="b", score=0.0)], NOW)
    assert [label.score for label in found] == [0.0, 0.9]
    assert names(said(source, actor="a"), said(source, at=2.0, actor="b", negates=True)) == [("violence", source)]
    assert names(said(source, actor="a"), said(source, at=2.0, actor="a", negates=True)) == []


def test_people_speak_with_one_voice():
    assert names(said("human", actor="sam"), said("human", at=2.0, actor="tom", negates=True)) == []


@pytest.mark.parametrize("source", ["model", "rule", "provider"])
def test_a_human_negation_beats_a_machine_and_the_provider_whenever_it_was_said(source):
    assert names(said("human", at=1.0, negates=True), said(source, at=2.0)) == []


@pytest.mark.parametrize("source", sorted(LEGAL))
def test_a_human_negation_never_beats_a_legal_label(source):
    assert names(said(source, at=1.0), said("human", at=2.0, negates=True)) == [("violence", source)]


@pytest.mark.parametrize("source", sorted(LEGAL))
def test_a_legal_label_is_lifted_by_its_own_kind_of_source_alone(source):
    others = [said(other, at=2.0, negates=True) for other in SOURCES if other != source]
    assert names(said(source), *others) == [("violence", source)]
    assert names(said(source), said(source, at=2.0, negates=True)) == []


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "human"])
def test_nothing_but_a_human_lifts_a_human_label(source):
    assert names(said("human"), said(source, at=2.0, negates=True)) == [("violence", "human")]


def test_a_human_label_after_a_human_negation_holds():
    events = [said("human", at=1.0, negates=True), said("model", at=2.0), said("human", at=3.0)]
    assert names(*events) == [("violence", "human"), ("violence", "model")]


def test_a_label_ends_at_the_moment_it_expires():
    event = said("model", expires=10.0)
    assert names(event, now=9.99) == [("violence", "model")]
    assert names(event, now=10.0) == []


def test_a_label_comes_back_when_its_negation_expires():
    events = [said("model"), said("human", at=2.0, negates=True, expires=10.0)]
    assert names(*events, now=9.99) == []
    assert names(*events, now=10.0) == [("violence", "model")]


def test_of_a_label_and_its_negation_said_at_once_the_label_holds():
    assert names(said("human", negates=True), said("human")) == [("violence", "human")]


def test_a_negation_everywhere_lifts_a_label_of_one_place():
    assert names(said("model", territory="DE"), said("human", negates=True)) == []


def test_a_negation_in_one_place_leaves_the_label_of_another_and_of_everywhere():
    events = [said("model"), said("model", territory="FR"), said("model", territory="DE")]
    found = fold([*events, said("human", territory="DE", negates=True)], NOW)
    assert [label.territory for label in found] == [None, "FR"]


@pytest.mark.parametrize("source", [source for source in SOURCES if source != "model"])
def test_a_label_of_an_older_version_holds_until_it_is_judged_again(source):
    old = said(source, version=3)
    assert names(old, version=7) == [("violence", source)]
    assert names(old, said(source, at=2.0, version=7, negates=True), version=7) == []


def test_a_models_label_of_an_older_version_gives_way_to_a_hold_until_that_model_has_judged_again():
    old = said("model", version=3, actor="m1")
    assert names(old, version=7) == [("error", "model")]
    assert names(old, said("model", "clean", at=2.0, version=7, actor="m2"), version=7)[1] == ("error", "model")
    assert names(old, said("model", "clean", at=2.0, version=7, actor="m1"), version=7) == [("clean", "model")]
    assert names(old, said("human", "clean", at=2.0, version=7), version=7) == [("clean", "human")]


def test_a_negation_of_an_older_version_says_nothing_of_what_was_found_in_a_newer_one():
    events = [said("human", at=9.0, version=3, negates=True), said("model", at=5.0, version=7)]
    assert names(*events, version=7) == [("violence", "model")]


def test_a_version_from_the_future_is_the_present_one():
    events = [said("model", at=1.0, version=99), said("human", at=2.0, version=7, negates=True)]
    assert names(*events, version=7) == []


def test_a_failed_scan_is_held_until_the_same_scanner_or_a_human_speaks():
    failed = said("model", "error", at=1.0, actor="text")
    assert names(failed, said("model", "clean", at=2.0, actor="image"))[1] == ("error", "model")
    assert names(failed, said("model", "clean", at=2.0, actor="text")) == [("clean", "model")]
    assert names(failed, said("human", "clean", at=2.0)) == [("clean", "human")]
    assert ("error", "model") in names(failed, said("model", "clean", at=0.5, actor="text"))


def test_the_labels_of_the_record_are_the_providers_and_older_than_whatever_it_says_itself():
    record = recorded("film", 0, ["violence", "war"])
    assert names(*record, said("provider", at=0.5, negates=True)) == [("war", "provider")]


def test_a_records_label_is_compared_without_case_and_garbage_stays_garbage():
    events = [*recorded("film", 0, ["War", "a|b", None]), said("human", "war", negates=True)]
    assert names(*events) == [("", "provider"), ("a|b", "provider")]


def test_many_works_are_folded_at_once_each_under_its_version():
    events = [LabelEvent("1", "a", 0, "model", "gore"), LabelEvent("2", "b", 0, "model", "gore")]
    found = fold_all(events, NOW, versions={"b": 5})
    assert {item: [label.label for label in labels] for item, labels in found.items()} == {
        "a": ["gore"],
        "b": ["error"],
    }


some_event = st.builds(
    LabelEvent,
    id=st.uuids().map(str),
    item_id=st.just("film"),
    item_version=st.integers(0, 2),
    source=st.sampled_from(SOURCES),
    label=st.sampled_from(["violence", "clean", "error"]),
    score=st.sampled_from([None, 0.2, 0.8]),
    territory=st.sampled_from([None, "DE"]),
    created=st.integers(0, 3).map(float),
    expires=st.sampled_from([None, 4.0, 6.0]),
    negates=st.booleans(),
    actor=st.sampled_from(["a", "b"]),
)


@settings(max_examples=300)
@given(st.data(), st.lists(some_event, max_size=8), st.sampled_from([0, 1, 2]))
def test_the_order_of_arrival_and_repetition_change_nothing(data, events, version):
    shuffled = data.draw(st.permutations(events + events[:3]))
    assert fold(shuffled, 5.0, version=version) == fold(events, 5.0, version=version)


@settings(max_examples=200)
@given(st.lists(some_event, max_size=8))
def test_what_others_say_never_lifts_a_legal_label(events):
    law = LabelEvent("law", "film", 0, "regulator", "violence", created=9.0)
    others = [event for event in events if event.source != "regulator"]
    assert ("violence", None, "regulator") in {(e.label, e.territory, e.source) for e in fold([*others, law], 5.0)}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("item_id", ""),
        ("source", "press"),
        ("label", "a|b"),
        ("score", 1.5),
        ("score", float("nan")),
        ("territory", "Germany"),
        ("item_version", -2),
        ("expires", 0.5),
        ("evidence", "x" * 2_001),
    ],
)
def test_a_field_that_cannot_be_is_named(field, value):
    given = {"id": "1", "item_id": "film", "item_version": 0, "source": "human", "label": "war", "created": 1.0}
    with pytest.raises(DataError, match=f"^{field}"):
        LabelEvent(**{**given, field: value}).checked()


def test_names_are_kept_as_they_are_compared():
    event = LabelEvent("1", "film", 0, "human", " War ", territory="de").checked()
    assert (event.label, event.territory) == ("war", "DE")
