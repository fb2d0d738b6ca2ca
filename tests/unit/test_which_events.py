"""Whether events that were not liked teach too is chosen on the holdout, where there is a choice."""

from functools import cache

import numpy as np
import pytest

from recsys.models.recipe import FitContext, parse
from support.data import checkerboard, dataset, holdout

RECIPES = ("ease", "item_knn", "ials")
GROUPS = ("a", "b")
SIZE = 8  # items of a group


def log(liked_of, other_of):
    """Forty users of two groups, each with one liked item and five others; and users who come next, with one item."""
    rng = np.random.default_rng(0)
    events = []
    for at in range(40):
        group = GROUPS[at % 2]
        own = rng.permutation(SIZE)
        events.append((f"u{at}", f"{liked_of(group)}{own[0]}", -1.0))
        events += [(f"u{at}", f"{other_of(group)}{place}", -1.0, 1.0, False) for place in own[1:6]]
    return events


@cache
def readers_of_a_group():
    """What users did not like is of their group all the same; one liked item a user tells nothing of pairs."""
    return asked(log(lambda group: group, lambda group: group))


@cache
def haters_of_the_other_group():
    """Users like their group, by two items each, and have not liked works of the other one."""
    other = {"a": "b", "b": "a"}
    events = log(lambda group: group, lambda group: other[group])
    more = [(f"u{at}", f"{GROUPS[at % 2]}{(at + step) % SIZE}", -0.5) for at in range(40) for step in (1, 3)]
    return asked(events + more)


def asked(events):
    data = dataset([*events, *((f"z{group}{at}", f"{group}{at}", 0.0) for group in GROUPS for at in range(SIZE))])
    truth = {f"z{g}{at}": [f"{g}{(at + s) % SIZE}" for s in range(1, SIZE)] for g in GROUPS for at in range(SIZE)}
    return data, holdout(data, truth)


def chosen(name, data, slice_):
    settings = {"recipe": name} | ({"factors": 8} if name == "ials" else {})
    return parse(settings).fit(data, FitContext(holdout=slice_, threads=1)).recipe.positives_only


@pytest.mark.parametrize("name", RECIPES)
def test_all_events_teach_where_that_ranks_better(name):
    assert chosen(name, *readers_of_a_group()) is False


@pytest.mark.parametrize("name", RECIPES)
def test_positive_events_teach_alone_where_the_others_mislead(name):
    assert chosen(name, *haters_of_the_other_group()) is True


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_is_tried_where_all_are_liked_or_nothing_is_asked_or_time_is_up(name):
    data, slice_ = readers_of_a_group()
    assert chosen(name, checkerboard(), None) is True
    assert chosen(name, data, None) is True
    settings = {"recipe": name} | ({"factors": 8} if name == "ials" else {})
    late = FitContext(holdout=slice_, threads=1, until=0.0)
    assert parse(settings).fit(data, late).recipe.positives_only is True
