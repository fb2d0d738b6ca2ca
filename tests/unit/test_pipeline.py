"""Sources in order, exclusion, backfill, and items that came after the bundle."""

import numpy as np
import pytest

from recsys.models.recipe import FitContext
from recsys.pipeline import BACKFILL, CONTENT, Overlay, Pipeline
from recsys.types import query
from support.data import dataset
from support.models import Told

NONE = np.zeros(0, np.int32)
DATA = dataset([], items=["a", "b", "c", "d"])


def told(*scores, **more):
    return Told(scores=scores, **more).fit(DATA, FitContext())


def pipeline(*models):
    return Pipeline(DATA.catalogue, models)


def everything(n=4):
    return np.ones(n, bool)


def test_the_next_source_goes_on_where_the_first_one_abstains():
    lists = pipeline(told(None, 2.0, None, 1.0), told(9.0, 8.0, 7.0, 6.0)).candidates(
        [query()], 4, everything(), [NONE]
    )
    assert lists[0].items.tolist() == [1, 3, 0, 2]


def test_scores_never_rise_from_one_source_to_the_next():
    slate = pipeline(told(None, 2.0, None, 1.0), told(9e6, 8.0, 7.0, 6.0)).candidates(
        [query()], 4, everything(), [NONE]
    )[0]
    assert np.all(np.diff(slate.scores) <= 0)


def test_every_allowed_item_is_given_before_a_list_stays_short_and_backfill_says_so():
    allowed = np.array([True, True, False, True])
    slate = pipeline(told(None, 5.0, 9.0, None)).candidates([query()], 4, allowed, [NONE])[0]
    assert slate.items.tolist() == [1, 0, 3]
    assert slate.sources == ("told", BACKFILL, BACKFILL)


def test_what_is_excluded_comes_from_no_source():
    gone = np.array([0, 1], np.int32)
    slate = pipeline(told(4.0, 3.0, None, None)).candidates([query()], 4, everything(), [gone])[0]
    assert slate.items.tolist() == [2, 3]


def test_a_batch_gives_each_query_its_own_list():
    model = told(1.0, 2.0, 3.0, 4.0, silent_without_history=True)
    other = told(4.0, 3.0, 2.0, 1.0)
    with_history, without = query(np.array([0])), query()
    slates = pipeline(model, other).candidates(
        [with_history, without], 2, everything(), [np.array([0], np.int32), NONE]
    )
    assert [slate.items.tolist() for slate in slates] == [[3, 2], [0, 1]]


def test_a_source_that_fails_is_named_and_passed_over():
    class Broken:
        recipe = Told(scores=())

        def top(self, *_):
            raise OSError("gone")

    failures = []
    slate = pipeline(Broken(), told(1.0, 2.0, 3.0, 4.0)).candidates(
        [query()], 2, everything(), [NONE], failed=lambda name, error: failures.append((name, str(error)))
    )[0]
    assert slate.items.tolist() == [3, 2]
    assert failures == [("told", "gone")]


def test_a_source_that_fails_raises_where_nobody_listens():
    class Broken:
        recipe = Told(scores=())

        def top(self, *_):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        pipeline(Broken()).candidates([query()], 2, everything(), [NONE])


def test_a_new_item_scores_the_weighted_mean_of_its_neighbours():
    overlay = Overlay(np.array([[1, 3]], np.int32), np.array([[0.75, 0.25]], np.float32))
    model = told(1.0, 4.0, 3.0, 0.0)
    assert overlay.score(model, [query()]).tolist() == [[3.0]]


def test_a_neighbour_on_which_the_model_abstains_does_not_count():
    overlay = Overlay(np.array([[1, 3]], np.int32), np.array([[0.75, 0.25]], np.float32))
    assert overlay.score(told(1.0, None, 3.0, 2.0), [query()]).tolist() == [[2.0]]


def test_a_new_item_stands_in_the_list_at_its_score_and_says_content():
    overlay = Overlay(np.array([[3]], np.int32), np.ones((1, 1), np.float32))
    slate = pipeline(told(1.0, 4.0, 3.0, 3.5)).candidates([query()], 3, everything(5), [NONE], overlay)[0]
    assert slate.items.tolist() == [1, 3, 4]
    assert slate.sources[2] == CONTENT


def test_a_new_item_without_neighbours_is_still_reached_by_backfill():
    overlay = Overlay(np.zeros((1, 1), np.int32), np.zeros((1, 1), np.float32))
    slate = pipeline(told(1.0, 2.0, 3.0, 4.0)).candidates([query()], 5, everything(5), [NONE], overlay)[0]
    assert slate.items.tolist() == [3, 2, 1, 0, 4]
    assert slate.sources[4] == BACKFILL


def test_a_new_item_is_masked_and_excluded_like_all_others():
    overlay = Overlay(np.array([[3], [3]], np.int32), np.ones((2, 1), np.float32))
    allowed = np.array([True, True, True, True, False, True])
    slate = pipeline(told(1.0, 2.0, 3.0, 4.0)).candidates([query()], 9, allowed, [np.array([5], np.int32)], overlay)[0]
    assert slate.items.tolist() == [3, 2, 1, 0]
