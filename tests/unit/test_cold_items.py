"""What the benchmark of new items holds out, and what every side is told."""

import numpy as np

from benchmarks.cold_items import _gains, _told
from benchmarks.newcomers import _rows, dated, held_out
from support.data import dataset


def log():
    """Ten users who each had eight of ten works, two in turn left out."""
    events = [(f"u{u}", f"i{i}", float(i - 10)) for u in range(10) for i in range(10) if (i - u) % 10 > 1]
    return dataset(events, items=[{"item_id": "i3", "title": "Alien (1979)"}, {"item_id": "i4", "title": "1984"}])


def test_a_fifth_of_the_items_is_held_out_with_every_event():
    task = held_out(log(), seed=0)
    assert task.held.sum() == 2
    assert not task.held[task.train.item].any()
    assert task.train.n_events == log().n_events - task.held[log().item].sum()


def test_questions_are_about_held_items_and_histories_hold_none():
    task = held_out(log(), seed=0)
    for query, truth in zip(task.asked.queries, task.asked.truth, strict=True):
        assert task.held[truth].all()
        assert not task.held[query.items].any()


def test_items_for_tuning_are_held_out_of_train_alone():
    outer = held_out(log(), seed=0)
    inner = held_out(outer.train, seed=1)
    assert not (inner.held & outer.held).any()


def test_the_year_at_the_end_of_a_title_becomes_a_field_and_a_title_that_is_a_number_does_not():
    years = dated(log()).catalogue.numbers("year")
    assert years[3] == 1979
    assert np.isnan(years[4])


def test_the_measure_ranks_only_the_items_it_is_asked_among():
    task = held_out(log(), seed=0)
    scores = np.where(task.held, 1.0, 2.0) * np.ones((len(task.asked), 1))  # every known item above the held ones
    assert (_gains(task, scores, task.held) > 0.6).all()
    assert (_gains(task, scores, task.held | task.warm) < _gains(task, scores, task.held)).all()


def test_peers_are_tried_without_and_with_fine_years_where_items_have_years():
    drawn = [{"features": "tokens"}]
    assert [one["fine_years"] for one in _told(drawn, log())] == [False]
    assert [one["fine_years"] for one in _told(drawn, dated(log()))] == [False, True]


def test_fine_years_are_columns_beside_the_others():
    task = held_out(dated(log()), seed=0)
    plain, fine = (_rows(task, {"features": "tokens", "fine_years": fine}) for fine in (False, True))
    assert (fine[:, : plain.shape[1]] != plain).nnz == 0
    assert fine[3, plain.shape[1] :].nnz > 0
    assert fine[5, plain.shape[1] :].nnz == 0
