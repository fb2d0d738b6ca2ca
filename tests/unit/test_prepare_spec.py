import pytest
from pydantic import ValidationError

from recsys.errors import DataError
from recsys.prepare.rules import Scale, load_rules, resolve, write_rules
from recsys.prepare.spec import EventRule, PrepareSpec, rule_of, weight_of

NAN = float("nan")


@pytest.mark.parametrize(
    ("positive", "expected"),
    [
        ("value >= 4", [False, True, True, False]),
        ("value > 4", [False, False, True, False]),
        ("value<4", [True, False, False, False]),
        ("value <= 4.0", [True, True, False, False]),
        ("value == 4", [False, True, False, False]),
        ("value != 4", [True, False, True, False]),
        ("true", [True, True, True, True]),
        ("false", [False, False, False, False]),
        ("auto", [True, True, True, True]),
    ],
)
def test_a_condition_marks_events_and_an_unknown_value_satisfies_no_comparison(positive, expected):
    assert EventRule(positive=positive).positive_mask([3.0, 4.0, 5.0, NAN]).tolist() == expected


@pytest.mark.parametrize(
    "text", ["", "value", "value >= ", "value >= four", "__import__('os')", "value >= 4 or true", "4 <= value"]
)
def test_a_condition_that_is_not_understood_is_refused_with_an_example(text):
    with pytest.raises(ValidationError, match='"value >= 4"'):
        EventRule(positive=text)


def test_a_condition_is_written_in_one_form():
    assert EventRule(positive=" value>=4.0 ").positive == "value >= 4"


def test_a_large_threshold_keeps_all_its_digits():
    assert EventRule(positive="value >= 1234567.25").positive == "value >= 1234567.25"


@pytest.mark.parametrize("weight", [0.0, -1.0, NAN, float("inf")])
def test_a_weight_that_is_not_positive_is_refused(weight):
    with pytest.raises(ValidationError):
        EventRule(weight=weight)


def test_a_key_that_is_not_known_is_refused():
    with pytest.raises(ValidationError):
        PrepareSpec.model_validate({"min_users": 3})


def test_a_kind_without_a_rule_weighs_one_and_is_positive():
    rules = {"share": EventRule(weight=3)}
    assert (weight_of(rules, "share"), weight_of(rules, "view"), rule_of(rules, "view").positive) == (3.0, 1.0, "auto")


@pytest.mark.parametrize(
    ("lowest", "highest", "positive"),
    [(1.0, 5.0, "value >= 3.5"), (0.5, 10.0, "value >= 7"), (-1.0, 1.0, "value >= 0.4"), (None, None, "true")],
)
def test_a_rating_is_liked_from_70_percent_of_the_observed_scale(lowest, highest, positive):
    assert resolve({}, [Scale("rating", 9, lowest, highest)])["rating"].positive == positive


def test_a_rating_rule_with_only_a_weight_keeps_the_default_of_ratings():
    rules = resolve({"rating": EventRule(weight=2)}, [Scale("rating", 9, 1.0, 5.0)])
    assert rules == {"rating": EventRule(weight=2, positive="value >= 3.5")}


def test_a_rating_rule_that_says_what_is_positive_wins():
    rules = resolve({"rating": EventRule(positive="true")}, [Scale("rating", 9, 1.0, 5.0)])
    assert rules["rating"].positive == "true"


def test_every_kind_of_the_log_and_of_the_spec_has_a_rule():
    rules = resolve({"share": EventRule(weight=3)}, [Scale("view", 9, None, None)])
    assert rules == {"share": EventRule(weight=3, positive="true"), "view": EventRule(positive="true")}


def test_a_spec_read_back_from_its_own_values_resolves_alike():
    spec = PrepareSpec(events={"rating": EventRule(weight=2)})
    again = PrepareSpec.model_validate(spec.model_dump(mode="json"))
    assert resolve(again.events, [Scale("rating", 9, 1.0, 5.0)])["rating"].positive == "value >= 3.5"


def test_rules_come_back_from_their_file(tmp_path):
    rules = {"评分": EventRule(weight=2, positive="value >= 7")}
    write_rules(tmp_path, rules)
    assert load_rules(tmp_path) == rules


def test_a_folder_without_rules_is_named(tmp_path):
    with pytest.raises(DataError, match=r"rules\.json"):
        load_rules(tmp_path)
