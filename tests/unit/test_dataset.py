from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from recsys.dataset.ids import IdMap
from recsys.dataset.profiles import Profiles
from recsys.errors import DataError
from support.data import AT, dataset, holdout


def test_an_unknown_id_is_dropped():
    assert IdMap(["a", "b"]).dense(["b", "x", "a"]).tolist() == [1, 0]


def test_an_id_given_twice_is_refused():
    with pytest.raises(DataError, match="'b' is given twice"):
        IdMap(["a", "b", "b"])


def test_the_matrix_sums_the_weights_of_a_pair():
    data = dataset([("u", "a", -1, 2.0), ("u", "a", 0, 3.0), ("v", "b", 0, 1.0, False)])
    assert data.matrix().toarray().tolist() == [[5.0, 0.0], [0.0, 1.0]]
    assert data.matrix(positives_only=True).toarray().tolist() == [[5.0, 0.0], [0.0, 0.0]]


def test_a_query_is_the_history_of_its_user_oldest_first():
    data = dataset([("u", "b", 0), ("u", "a", -2), ("v", "c", -1)], profiles={"u": {"city": "Lyon"}})
    query = data.query(0)
    assert (query.items.tolist(), query.times.tolist(), query.at) == ([0, 1], [AT - 2 * 86_400, AT], AT)
    assert query.profile == {"city": "Lyon"}


def test_seen_items_are_sorted_and_unique():
    assert dataset([("u", "b", -2), ("u", "a", -1), ("u", "b", 0)]).seen(0).tolist() == [0, 1]


def test_ages_are_days_before_the_newest_moment():
    assert dataset([("u", "a", -7), ("u", "b", 0)]).ages_days.tolist() == [7.0, 0.0]


def test_ages_are_zero_where_the_log_has_no_times():
    assert dataset([("u", "a", None)]).ages_days.tolist() == [0.0]


def test_an_event_without_a_time_among_timed_ones_is_as_old_as_the_oldest():
    assert dataset([("u", "a", None), ("u", "b", -7), ("v", "b", 0)]).ages_days.tolist() == [7.0, 7.0, 0.0]


def test_a_subset_keeps_the_ids_and_takes_its_own_moment():
    data = dataset([("u", "a", -2), ("v", "b", -1), ("v", "c", 0)])
    part = data.subset(np.array([True, False, True]), at=5.0)
    assert (part.user.tolist(), part.item.tolist(), part.at) == ([0, 1], [0, 2], 5.0)
    assert part.indptr.tolist() == [0, 1, 2]
    assert part.users is data.users


def test_a_subset_of_a_data_set_whose_index_was_used_has_its_own_index():
    data = dataset([("u", "a", -2), ("v", "b", -1)])
    assert data.indptr.tolist() == [0, 1, 2]
    assert data.subset(np.array([False, True])).indptr.tolist() == [0, 0, 1]


def test_a_subset_keeps_whether_works_return():
    assert replace(dataset([("u", "a", 0)]), returns=True, ordered=False).subset(np.array([True])).ordered is False


def test_profiles_leave_out_what_is_unknown():
    profiles = Profiles(pa.table({"user_id": ["u", "v"], "age": [24, None], "tags": [["a", "b"], None]}))
    assert dict(profiles) == {"u": {"age": "24", "tags": "a|b"}, "v": {}}


def test_profiles_of_an_unknown_user_fall_back():
    profiles = Profiles(pa.table({"user_id": ["u"]}))
    assert profiles.get("x", {}) == {}
    assert "x" not in profiles


def test_a_users_table_without_ids_is_refused():
    with pytest.raises(DataError, match="user_id"):
        Profiles(pa.table({"id": ["u"]}))


def test_a_profile_column_without_a_text_form_is_named():
    with pytest.raises(DataError, match="Column place"):
        Profiles(pa.table({"user_id": ["u"], "place": [{"x": 1}]}))


def test_a_part_of_a_holdout_keeps_what_belongs_together():
    data = dataset([(f"u{n}", f"i{n}", -1.0) for n in range(5)])
    whole = holdout(data, {f"u{n}": [f"i{4 - n}"] for n in range(5)})
    for part, users in (
        (whole.part([1, 3]), [1, 3]),
        (whole.spread(2), [0, 3]),  # every third
        (whole.spread(9), [0, 1, 2, 3, 4]),
        (whole.drawn(2, np.random.default_rng(0)), np.sort(np.random.default_rng(0).choice(5, 2, False)).tolist()),
    ):
        assert part.users.tolist() == users
        assert [query.items.tolist() for query in part.queries] == [[user] for user in users]
        assert [items.tolist() for items in part.truth] == [[4 - user] for user in users]
        assert [items.tolist() for items in part.exclude] == [[user] for user in users]
        assert part.seen_items is whole.seen_items
    assert whole.drawn(5, np.random.default_rng(0)) is whole
