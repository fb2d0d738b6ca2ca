import math
import time
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from recsys.dataset.data import Dataset, Split
from recsys.dataset.splits import splits
from recsys.dataset.splitspec import SplitSpec
from recsys.errors import ConfigError, FitError
from recsys.models.item_knn import ItemKNN
from recsys.models.recipe import FitContext, parse
from support.data import dataset
from training.news import by_the_hour
from training.plan import Clock, facts_of, fitting, parse_when
from training.selection import Arena, hold
from training.spec import load_spec, parse_spec

FACTS = {"events": 100, "users": 10, "items": 20, "timed": 1, "ordered": 1, "profiles": 0, "content": 0, "news": 0}


def window(data: Dataset) -> Split:
    (found,) = splits(data, SplitSpec(strategy="time", validation=0.2, test=0.2))
    return found


def news(clicks: int) -> Dataset:
    """Nine days: one work a day, and in the newest five hours one every ten minutes, read for two hours by most."""
    rows = [(f"u{n % 20}", f"day {n // 20}", n / 20 - 9.5) for n in range(180)]
    minutes = [-300 + 300 * n / clicks for n in range(clicks)]
    rows += [(f"u{n % 997}", f"story {int(at // 10) - n % 12}", at / 1440) for n, at in enumerate(minutes)]
    return dataset(rows)


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


def test_the_default_spec_leaves_to_news_what_is_learned_within_minutes():
    spec, why = load_spec("default").for_log(news(clicks=400))
    assert list(spec.models) == ["popular", "trending", "readers"]
    assert spec.models["readers"].half_life_days < 5 / 1440
    assert why["item_knn"] == "it is for logs where not news"


def test_the_default_spec_tells_films_of_the_same_size_apart():
    films = dataset([(f"u{n % 40}", f"film {n % 30}", -n / 40) for n in range(800)])
    spec, why = load_spec("default").for_log(films)
    assert {"audience", "item_knn", "ease", "ials", "ranker", "blend"} <= spec.models.keys()
    assert why["readers"] == "it is for logs where news"


def test_news_is_split_by_its_newest_hours_and_fitted_within_them():
    data = news(clicks=6_000)
    windows = splits(data, by_the_hour(SplitSpec(windows="auto"), data))
    assert [round((data.at - window.train_validation.at) / 3600) for window in windows] == [3, 2, 1]
    assert all(window.train_validation.at - window.train.at == pytest.approx(3600) for window in windows)
    assert all(len(window.test) > 50 for window in windows)


def test_slices_of_a_slow_log_have_more_hours(monkeypatch):
    monkeypatch.setattr("training.news.SLICES", (0.5, 1))
    data = news(clicks=6_000)
    cuts = by_the_hour(SplitSpec(windows="auto"), data).cuts
    assert cuts is not None
    assert [later - earlier for earlier, later in pairwise(cuts)] == [timedelta(hours=1)] * 3  # 600 in half of one
    sparse = news(clicks=1_000)
    assert by_the_hour(SplitSpec(windows="auto"), sparse) == SplitSpec(windows="auto")


def test_what_the_spec_says_of_a_split_holds():
    data = news(clicks=6_000)
    for split in (
        SplitSpec(windows=2),
        SplitSpec(windows="auto", test=0.2),
        SplitSpec(windows="auto", protocol="online"),
    ):
        assert by_the_hour(split, data) == split
    films = dataset([(f"u{n % 40}", f"film {n % 30}", -n / 40) for n in range(800)])
    assert by_the_hour(SplitSpec(windows="auto"), films) == SplitSpec(windows="auto")


def test_the_default_spec_is_held_on_news():
    data = news(clicks=6_000)
    spec, _ = load_spec("default").for_log(data)
    arena = Arena(splits(data, by_the_hour(spec.split, data))[-1:], spec)
    contest = hold(arena, lambda section: arena.trial(section, arena.spec.models[section]))
    assert [trial.section for trial in contest.trials] == list(spec.models)
    assert contest.floor.resolved.half_life_days < 1 / 24
    assert contest.best.test.mean("ndcg@10") > 0.1


def test_a_section_gets_its_share_of_the_time_that_is_left():
    clock = Clock(minutes=10, sections=4)
    assert clock.until() - time.monotonic() == pytest.approx(10 * 60 * 0.5 / 4, abs=1)
    clock.done = 3
    assert clock.until() - time.monotonic() == pytest.approx(10 * 60 * 0.5, abs=1)
    assert math.isinf(Clock(minutes=None, sections=4).until())


def test_a_fit_that_ends_by_patience_gets_half_a_share_because_it_is_fitted_again():
    clock = Clock(minutes=10, sections=4)
    assert clock.until(parse({"recipe": "sasrec"})) - time.monotonic() == pytest.approx(10 * 60 * 0.5 / 8, abs=1)
    assert clock.until(parse({"recipe": "ease"})) - time.monotonic() == pytest.approx(10 * 60 * 0.5 / 4, abs=1)


@pytest.mark.parametrize(("events", "share"), [(3_000_000, 1.0), (9_000_000, 1.0), (2_000_000, 2 / 3), (1_000, 0.4)])
def test_a_smaller_log_has_less_time_to_choose_in(events, share):
    clock = Clock(minutes=10, sections=1, events=events)
    assert clock.until() - time.monotonic() == pytest.approx(share * 10 * 60 * 0.5, abs=1)


@pytest.mark.parametrize(("budget", "asked"), [({"minutes": 5}, 10), ({}, 20)])
def test_a_budget_compares_sections_on_some_of_many_queries_and_tests_them_on_all(budget, asked, monkeypatch):
    monkeypatch.setattr("training.selection.VALIDATED", 10)
    data = dataset([(f"u{n % 20}", f"i{n % 23}", n - 400) for n in range(400)])
    split = window(data)
    assert len(split.validation) == len(split.test) == 20
    spec = parse_spec({"models": {"popular": {}}, "budget": budget})
    trial = Arena([split], spec).trial("popular", spec.models["popular"])
    assert (len(trial.validation.users), len(trial.test.users)) == (asked, 20)


def test_what_was_fitted_on_equal_events_is_not_fitted_again():
    data = dataset([(f"u{n % 20}", f"i{n % 23}", n - 400) for n in range(400)])
    same, shorter = data.subset(data.item >= 0), data.subset(data.item >= 1)
    recipe = parse({"recipe": "popular", "half_life_days": 3.0})
    model = recipe.fit(data, FitContext())
    ctx = FitContext(known={(model.recipe, data.mark): model})
    assert ctx.fit(recipe, same) is model
    assert ctx.fit(recipe, shorter) is not model
    assert ctx.fit(recipe, data.subset(data.item >= 0, at=data.at + 1.0)) is not model, "ages differ"


def test_a_ranker_takes_the_parts_that_were_chosen_on_what_came_before_the_newest_works(monkeypatch):
    rows = [(f"u{u:02}", f"i{(u + k * k) % 29:02}", None) for u in range(40) for k in range(6)]
    (split,) = splits(dataset(rows), SplitSpec(strategy="last"))
    fitted: list[bytes] = []
    plain = ItemKNN.fit

    def counted(recipe, data, ctx):
        if recipe.positives_only is not None:  # else it is about to be fitted on some of the events
            fitted.append(data.mark)
        return plain(recipe, data, ctx)

    monkeypatch.setattr(ItemKNN, "fit", counted)
    spec = parse_spec({"models": {"item_knn": {}, "ranker": {"parts": ["item_knn"]}}})
    arena = Arena([split], spec)
    for section in spec.models:
        arena.trial(section, spec.models[section])
    assert fitted[:2] == [split.train.mark, split.train_validation.mark]
    assert fitted.count(split.train.mark) == 1, "the newest work of each user in train + validation is the validation"


def test_a_section_made_of_parts_takes_no_time_from_the_others():
    data = dataset([(f"u{n % 7}", f"i{n % 11}", float(n - 60)) for n in range(60)])
    values = {"models": {"als": {}, "blend": {"parts": ["als"], "weights": [1.0]}}, "budget": {"minutes": 20}}
    arena = Arena([window(data)], parse_spec(values))
    assert arena.clock.until() - time.monotonic() == pytest.approx(20 * 60 * 0.5 * 0.4, abs=1)
    arena.trial("blend", arena.spec.models["blend"])
    assert arena.clock.done == 0


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
