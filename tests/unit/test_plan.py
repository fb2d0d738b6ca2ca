import math
import time
from dataclasses import replace

import pytest

from recsys.dataset.data import Dataset, Split
from recsys.dataset.splits import splits
from recsys.dataset.splitspec import SplitSpec
from recsys.errors import ConfigError, FitError
from recsys.models.recipe import FitContext, parse
from support.data import dataset
from training.plan import Clock, facts_of, fitting, parse_when
from training.selection import Arena, hold
from training.spec import load_spec, parse_spec

FACTS = {"events": 100, "users": 10, "items": 20, "timed": 1, "ordered": 1, "profiles": 0, "content": 0}


def window(data: Dataset) -> Split:
    (found,) = splits(data, SplitSpec(strategy="time", validation=0.2, test=0.2))
    return found


def holds(text: str) -> bool:
    return all(term.holds(FACTS) for term in parse_when(text))


@pytest.mark.parametrize("text", ["timed", "not profiles", "items <= 20", "events > 9_9 and timed", "users >= 10"])
def test_a_condition_that_holds(text):
    assert holds(text)


@pytest.mark.parametrize("text", ["profiles", "not timed", "items < 20", "timed and items > 1000"])
def test_a_condition_that_does_not(text):
    assert not holds(text)


@pytest.mark.parametrize("text", ["", "sunny", "items = 3", "timed or ordered", "items <= many"])
def test_a_condition_that_is_not_understood_says_what_is_known(text):
    with pytest.raises(ValueError, match="Known are: events, users, items"):
        parse_when(text)


def test_facts_of_a_log():
    data = dataset([("u", "a", -1.0), ("v", "b", 0.0)], items=[{"item_id": "a", "genres": ["x"]}, "c"], users=["w"])
    found = facts_of(data)
    assert (found["events"], found["users"], found["items"]) == (2, 2, 2)
    assert (found["timed"], found["ordered"], found["profiles"], found["content"]) == (1, 1, 0, 1)
    untimed = facts_of(replace(dataset([("u", "a", None)]), ordered=False))
    assert (untimed["timed"], untimed["ordered"], untimed["content"]) == (0, 0, 0)


def test_a_section_for_other_logs_is_left_out_also_as_a_part():
    popular, als = parse({"recipe": "popular"}), parse({"recipe": "als"})
    blend = parse({"recipe": "blend", "parts": [popular.params(), als.params()]})
    kept, why = fitting({"popular": popular, "als": als, "blend": blend}, {"als": "profiles"}, FACTS)
    assert list(kept) == ["popular", "blend"]
    assert kept["blend"].parts == (popular,)
    assert why == {"als": "it is for logs where profiles"}


def test_a_section_without_any_part_is_left_out_and_none_at_all_is_refused():
    als = parse({"recipe": "als"})
    blend = parse({"recipe": "blend", "parts": [als.params()]})
    popular = parse({"recipe": "popular"})
    kept, why = fitting({"als": als, "blend": blend, "popular": popular}, {"als": "profiles"}, FACTS)
    assert list(kept) == ["popular"]
    assert why["blend"] == "none of its parts is left"
    with pytest.raises(ConfigError, match="No section of the spec is for this log"):
        fitting({"als": als}, {"als": "profiles"}, FACTS)


def test_a_spec_says_which_condition_is_wrong():
    sections = {"models": {"popular": {}}}
    with pytest.raises(ConfigError, match=r"there is no section \[models.als\]"):
        parse_spec({**sections, "when": {"als": "timed"}})
    with pytest.raises(ConfigError, match="is not understood"):
        parse_spec({**sections, "when": {"popular": "on sundays"}})
    with pytest.raises(ConfigError, match="budget.minutes"):
        parse_spec({**sections, "budget": {"minutes": 0}})


@pytest.mark.parametrize("name", ["default", "best"])
def test_shipped_specs_have_something_for_every_log(name):
    spec = load_spec(name)
    for timed in (0.0, 1.0):
        for ordered in (0.0, 1.0):
            for items in (10, 100_000):
                facts = {**FACTS, "timed": timed, "ordered": ordered, "items": items}
                kept, _ = fitting(spec.models, spec.when, facts)
                assert {"popular", "ials", "ranker", "blend"} <= kept.keys()
                assert ("trending" in kept) == bool(timed)


def test_a_section_gets_its_share_of_the_time_that_is_left():
    clock = Clock(minutes=10, sections=4)
    assert clock.until() - time.monotonic() == pytest.approx(10 * 60 * 0.5 / 4, abs=1)
    clock.done = 3
    assert clock.until() - time.monotonic() == pytest.approx(10 * 60 * 0.5, abs=1)
    assert math.isinf(Clock(minutes=None, sections=4).until())


def test_no_section_is_begun_when_most_of_the_budget_is_spent():
    clock = Clock(minutes=10, sections=4, begun=time.monotonic() - 8 * 60)
    assert clock.spent() == "8 of the 10 minutes of [budget] are spent"
    assert Clock(minutes=10, sections=4).spent() is None


def test_a_fit_that_is_late_settles_for_what_it_has_tried():
    data = dataset([(f"u{n % 7}", f"i{n % 11}", float(n - 60)) for n in range(60)])
    split = window(data)
    recipe = parse({"recipe": "als", "factors": 4, "epochs": 2})
    reported: list[int] = []

    def count(step, metrics):
        reported.append(step)

    hurried = FitContext(holdout=split.validation, report=count, until=0.0)
    model = recipe.fit(split.train, hurried)
    assert reported == [0, 1], "one choice of two epochs"
    assert model.recipe.alpha is not None


def test_a_section_that_cannot_be_fitted_is_left_out_where_there_is_a_budget():
    data = dataset([(f"u{n % 7}", f"i{n % 11}", float(n - 60)) for n in range(60)])
    values = {
        "models": {"popular": {}, "ease": {"memory_gb": 1e-9}, "blend": {"parts": ["popular", "ease"]}},
        "budget": {"minutes": 5},
    }
    spec = parse_spec(values)
    arena = Arena([window(data)], spec)
    contest = hold(arena, lambda section: arena.trial(section, arena.spec.models[section]))
    assert [trial.section for trial in contest.trials] == ["popular", "blend"]
    assert "memory" in contest.left_out["ease"]
    impatient = Arena(
        [window(data)], spec.model_copy(update={"budget": parse_spec({"models": {"popular": {}}}).budget})
    )
    with pytest.raises(FitError, match="memory"):
        hold(impatient, lambda section: impatient.trial(section, impatient.spec.models[section]))
