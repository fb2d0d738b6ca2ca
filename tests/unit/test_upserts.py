"""What a platform may change of a known work: safety and rights are only ever tightened."""

from datetime import UTC, datetime

import pytest

from recsys.clock import fixed_clock
from recsys.dataset.catalogue import Catalogue
from recsys.safety import Gate, load_policy
from serving.upserts import tightened


def day(n):
    return datetime(2026, 1, n, tzinfo=UTC)


def after(old, new, policy="open"):
    catalogue = Catalogue.from_records([{"item_id": "a", **old}])
    gate = Gate.compile(catalogue, load_policy(policy), fixed_clock(0.0))
    return tightened(gate, catalogue.ids, catalogue.record, [{"item_id": "a", **new}])[0]


@pytest.mark.parametrize(
    ("field", "old", "new", "stays"),
    [
        ("min_age", 18, None, 18),
        ("min_age", 18, 6, 18),
        ("min_age", 6, 18, 18),
        ("labels", ["violence"], None, ["violence"]),
        ("labels", ["violence"], ["general"], ["violence", "general"]),
        ("territories", ["CN"], None, ["CN"]),
        ("territories", None, ["CN"], ["CN"]),
        ("territories", ["CN", "DE"], ["DE", "FR"], ["DE"]),
        ("territories", ["CN"], ["*"], ["CN"]),
        ("territories", ["CN"], ["DE"], []),
        ("available_from", day(5), day(1), day(5)),
        ("available_to", day(5), day(9), day(5)),
        ("embargo_until", day(5), None, day(5)),
    ],
)
def test_the_stricter_of_old_and_new_stands(field, old, new, stays):
    assert after({field: old}, {field: new})[field] == stays


def test_other_fields_are_those_of_the_upsert():
    assert after({"title": "Old", "year": 1999}, {"title": "New"}) == {"item_id": "a", "title": "New"}


def test_a_label_that_a_rule_drew_from_the_genre_stays_when_the_genre_changes():
    changed = after({"genres": ["Horror"]}, {"genres": ["Comedy"]}, policy="demo")
    before = after({"genres": ["Horror"]}, {"genres": ["Horror"]}, policy="demo")
    gate = Gate.compile(Catalogue.from_records([before]), load_policy("demo"), fixed_clock(0.0))
    assert set(gate.labels(0)) <= set(changed["labels"])
    assert changed["min_age"] == gate.min_age(0) > 0


def test_a_rating_that_would_ask_for_a_lower_age_somewhere_is_not_added():
    assert after({"ratings": ["MPA:R"]}, {"ratings": ["FSK:0"]})["ratings"] == ["MPA:R"]  # in DE it would outrank it
    assert after({"ratings": ["MPA:PG"]}, {"ratings": ["FSK:18"]})["ratings"] == ["MPA:PG", "FSK:18"]
    assert after({"ratings": None}, {"ratings": ["FSK:0"]})["ratings"] == ["FSK:0"]


def test_a_work_of_a_kind_that_needs_a_rating_stays_of_it():
    assert after({"media_type": "Film"}, {"media_type": "clip"}, policy="films")["media_type"] == "Film"
    assert after({"media_type": "film"}, {"media_type": "series"}, policy="films")["media_type"] == "series"
    assert after({"media_type": "film"}, {"media_type": "clip"}, policy="open")["media_type"] == "clip"


def test_the_role_safety_may_loosen():
    loose = {"media_type": "clip", "ratings": ["FSK:0"], "loosens": True}
    found = after({"media_type": "film", "ratings": ["MPA:R"]}, loose, policy="films")
    assert (found["media_type"], found["ratings"]) == ("clip", ["FSK:0"])
    assert after({"min_age": 18}, {"min_age": 6, "loosens": True})["min_age"] == 6


def test_a_work_that_nobody_knows_is_taken_as_it_is():
    catalogue = Catalogue.from_records([{"item_id": "a", "min_age": 18}])
    gate = Gate.compile(catalogue, load_policy("open"), fixed_clock(0.0))
    record = {"item_id": "b", "title": "B"}
    assert tightened(gate, catalogue.ids, catalogue.record, [record]) == [record]
