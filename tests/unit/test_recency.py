import numpy as np
import pytest

from recsys.models.recency import Decay
from recsys.types import query
from support.data import AT, dataset

DAY = 86_400.0


def test_an_event_counts_half_after_so_many_newer_ones():
    asked = query(np.array([1, 2, 3]), weights=np.array([1.0, 3.0, 1.0]))
    assert Decay(events=1.0).of_query(asked).tolist() == [0.25, 1.5, 1.0]


def test_an_event_counts_half_after_so_many_days_before_the_users_newest():
    asked = query(np.array([1, 2]), np.array([AT - 10 * DAY, AT - 6 * DAY]), at=AT)
    assert Decay(days=2.0).of_query(asked) == pytest.approx([0.25, 1.0])


def test_a_log_is_decayed_user_by_user_and_both_half_lives_multiply():
    data = dataset([("u", "a", -4.0), ("u", "b", -2.0), ("v", "a", -9.0)])
    assert Decay(days=2.0, events=1.0).of_data(data) == pytest.approx([0.25, 1.0, 1.0])


def test_users_without_events_and_events_without_times_are_no_obstacle():
    data = dataset([("u", "a", None), ("u", "b", -2.0), ("w", "a", None)], users=["t", "v", "x"])
    assert Decay(days=1.0).of_data(data) == pytest.approx([1.0, 1.0, 1.0])
    assert Decay(days=1.0, events=1.0).of_query(query()).shape == (0,)


def test_a_log_without_an_order_has_no_places():
    from dataclasses import replace

    data = replace(dataset([("u", "a", None), ("u", "b", None)]), ordered=False)
    assert Decay(events=1.0).of_data(data).tolist() == [1.0, 1.0]


def test_what_is_very_old_keeps_a_trace():
    asked = query(np.arange(200))
    assert (Decay(events=1.0).of_query(asked) > 0).all()
