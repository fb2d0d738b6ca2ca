"""Where the session source stands is decided by how young the works are that are read."""

import pytest

from recsys.models.popular import Popular
from recsys.models.recipe import FitContext
from recsys.models.session import Session
from support.data import dataset
from training.news import is_news, with_session

DAYS = range(-20, 1)
NEWS = dataset([(f"u{n}", f"day {day}", float(day) + n / 10) for day in DAYS for n in range(5) if day + n / 10 <= 0])
FILMS = dataset([(f"u{n}", f"film {n}", float(day)) for day in DAYS for n in range(5)])


def names(data, where):
    ctx = FitContext()
    models = [ctx.fit(Popular(half_life_days=days), data) for days in (1.0, 2.0)]
    return [model.recipe.name for model in with_session(models, data, where, ctx)]


def test_works_that_are_read_on_their_first_day_are_news():
    assert is_news(NEWS)


def test_works_that_are_watched_for_weeks_are_not():
    assert not is_news(FILMS)


def test_a_log_of_two_days_says_nothing_of_age():
    assert not is_news(dataset([("u", "a", -2.0), ("v", "b", 0.0)]))


@pytest.mark.parametrize(
    ("data", "where", "expected"),
    [
        (NEWS, "auto", ["session", "popular", "popular"]),
        (FILMS, "auto", ["popular", "popular"]),
        (FILMS, "first", ["session", "popular", "popular"]),
        (FILMS, "behind", ["popular", "session", "popular"]),
        (NEWS, "off", ["popular", "popular"]),
    ],
)
def test_it_is_first_for_news_and_elsewhere_where_the_spec_says(data, where, expected):
    assert names(data, where) == expected


def test_it_stands_there_once_where_it_has_won():
    ctx = FitContext()
    models = [ctx.fit(Session(), NEWS), ctx.fit(Popular(half_life_days=1.0), NEWS)]
    assert [model.recipe.name for model in with_session(models, NEWS, "auto", ctx)] == ["session", "popular"]
