from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from recsys.dataset.splits import splits, strategy_of
from recsys.dataset.splitspec import SplitSpec
from recsys.errors import ConfigError, DataError
from support.data import AT, dataset

DAY = 86_400


def ids(data, items):
    return data.catalogue.ids.external(items)


def asked(data, holdout):
    """{user: (history, truth, exclude)} in external ids."""
    rows = zip(holdout.users.tolist(), holdout.queries, holdout.truth, holdout.exclude, strict=True)
    return {data.users[u]: (ids(data, q.items), ids(data, t), ids(data, e)) for u, q, t, e in rows}


def events_of(data, part):
    return list(zip(data.users.external(part.user), ids(data, part.item), strict=True))


def ten_days(**options):
    """One event a day, days -9 to 0, of one user on items a to j."""
    return dataset([("u", name, day) for day, name in enumerate("abcdefghij", -9)], **options)


def busy(users=40, items=30, n=1500, times=True, seed=0):
    """A random log with repeats, ties in time and events that are not liked."""
    rng = np.random.default_rng(seed)
    days = rng.integers(-90, 1, n)
    rows = zip(rng.integers(0, users, n), rng.integers(0, items, n), days, rng.random(n) < 0.7, strict=True)
    return dataset([(f"u{u:02}", f"i{i:02}", int(d) if times else None, 1.0, bool(p)) for u, i, d, p in rows])


# time


def test_time_puts_80_10_10_percent_of_the_events_in_order_of_time():
    data = ten_days()
    (split,) = splits(data, SplitSpec())
    assert split.name == "time 80/10/10"
    assert ids(data, split.train.item) == list("abcdefgh")
    assert asked(data, split.validation) == {"u": (list("abcdefgh"), ["i"], list("abcdefgh"))}
    assert asked(data, split.test) == {"u": (list("abcdefghi"), ["j"], list("abcdefghi"))}
    assert ids(data, split.train_validation.item) == list("abcdefghi")


def test_the_moment_of_a_query_and_of_its_past_is_the_cut():
    (split,) = splits(ten_days(), SplitSpec())
    assert split.train.at == split.validation.queries[0].at == AT - DAY
    assert split.train_validation.at == split.test.queries[0].at == AT


def test_events_at_the_moment_of_the_cut_are_held_out():
    data = dataset([("u", "a", -3), ("u", "b", -2), ("u", "c", -1), ("u", "d", -1), ("v", "e", -1), ("u", "f", 0)])
    (split,) = splits(data, SplitSpec(validation=0.4, test=0.1))
    assert ids(data, split.train.item) == ["a", "b"]
    assert asked(data, split.validation) == {"u": (["a", "b"], ["c", "d"], ["a", "b"]), "v": ([], ["e"], [])}


def test_a_user_without_a_past_is_asked_with_a_profile():
    data = dataset([("u", "a", -2), ("u", "b", -1), ("new", "c", 0)], profiles={"new": {"city": "成都"}})
    (split,) = splits(data, SplitSpec(validation=0.34, test=0.33))
    assert len(split.test.queries[0]) == 0
    assert split.test.queries[0].profile == {"city": "成都"}


def test_a_work_that_the_user_had_before_is_not_asked_again():
    data = dataset([("u", "a", -3), ("u", "b", -2), ("u", "c", -1), ("u", "a", 0), ("v", "b", 0)])
    (split,) = splits(data, SplitSpec(validation=0.2, test=0.4))
    assert asked(data, split.test) == {"v": ([], ["b"], [])}


def test_where_works_return_they_are_asked_again_and_nothing_is_excluded():
    data = dataset([("u", "a", -3), ("u", "b", -2), ("u", "c", -1), ("u", "a", 0)], returns=True)
    (split,) = splits(data, SplitSpec(validation=0.25, test=0.25))
    assert asked(data, split.test) == {"u": (["a", "b", "c"], ["a"], [])}


def test_an_event_that_is_not_liked_is_history_but_never_truth():
    data = dataset([("u", "a", -3, 1, False), ("u", "b", -2), ("u", "c", -1), ("u", "d", -1, 1, False), ("u", "e", 0)])
    (split,) = splits(data, SplitSpec(validation=0.4, test=0.2))
    assert asked(data, split.validation) == {"u": (["a", "b"], ["c"], ["a", "b"])}


def test_windows_are_the_last_slices_in_order_each_with_its_own_validation():
    data = ten_days()
    found = splits(data, SplitSpec(windows=3))
    assert [s.name for s in found] == [f"time 80/10/10, window {n} of 3" for n in (1, 2, 3)]
    assert [ids(data, s.train.item)[-1] for s in found] == ["f", "g", "h"]
    assert [asked(data, s.validation)["u"][1] for s in found] == [["g"], ["h"], ["i"]]
    assert [asked(data, s.test)["u"][1] for s in found] == [["h"], ["i"], ["j"]]


def test_explicit_cuts_bound_the_slices():
    data = dataset([("u", "a", -3), ("u", "b", -2), ("u", "c", -1), ("u", "d", 0)])  # day 0 is 2023-11-14T22:13:20Z
    (split,) = splits(data, SplitSpec(cuts=("2023-11-13", "2023-11-14T12:00:00+00:00")))
    assert ids(data, split.train.item) == ["a", "b"]
    assert (asked(data, split.validation)["u"][1], asked(data, split.test)["u"][1]) == (["c"], ["d"])


def test_three_cuts_make_two_windows():
    found = splits(ten_days(), SplitSpec(cuts=("2023-11-10", "2023-11-12", "2023-11-14")))
    assert [len(s.test.truth[0]) for s in found] == [2, 1]


def test_items_without_an_event_before_the_cut_are_marked_unseen():
    data = ten_days(items=["z"])
    (split,) = splits(data, SplitSpec())
    assert ids(data, np.flatnonzero(~split.test.seen_items)) == ["j", "z"]


def test_events_without_a_time_are_before_every_cut():
    data = dataset([("u", "old", None), *[("u", name, day) for day, name in enumerate("abcdefghij", -9)]])
    (split,) = splits(data, SplitSpec())
    assert asked(data, split.test)["u"][0] == ["old", *"abcdefghi"]


@pytest.mark.parametrize("protocol", ["cut", "online"])
def test_no_window_of_time_leaks(protocol):
    data = busy()
    for split in splits(data, SplitSpec(windows=3, protocol=protocol)):
        assert (split.train.time < split.train.at).all()
        assert (split.train_validation.time < split.train_validation.at).all()
        assert split.train.at < split.train_validation.at
        for holdout in (split.validation, split.test):
            for query, truth, exclude in zip(holdout.queries, holdout.truth, holdout.exclude, strict=True):
                assert (query.times < query.at).all()
                assert len(truth)
                assert not np.isin(truth, exclude).any()
                assert (np.diff(exclude) > 0).all()
                assert set(exclude.tolist()) == set(query.items.tolist())


# online


def test_online_asks_once_an_event_with_the_history_up_to_it():
    data = dataset([("u", "a", -3), ("u", "b", -2), ("u", "c", -1), ("u", "d", 0)])
    (split,) = splits(data, SplitSpec(validation=0.25, test=0.5, protocol="online"))
    found = [
        (ids(data, q.items), ids(data, t), q.at - AT) for q, t in zip(split.test.queries, split.test.truth, strict=True)
    ]
    assert found == [(["a", "b"], ["c"], -DAY), (["a", "b", "c"], ["d"], 0.0)]
    assert ids(data, np.flatnonzero(split.test.seen_items)) == ["a", "b"]


def test_online_keeps_what_happened_at_the_same_moment_out_of_the_history():
    data = dataset([("u", "a", -2), ("u", "b", -1), ("u", "c", 0), ("u", "d", 0)])
    (split,) = splits(data, SplitSpec(validation=0.25, test=0.5, protocol="online"))
    assert [ids(data, q.items) for q in split.test.queries] == [["a", "b"], ["a", "b"]]


def test_online_asks_a_work_only_the_first_time():
    data = dataset([("u", "a", -3), ("u", "b", -2), ("u", "c", -1), ("u", "c", 0), ("u", "a", 0)])
    (split,) = splits(data, SplitSpec(validation=0.2, test=0.6, protocol="online"))
    assert [ids(data, t) for t in split.test.truth] == [["c"]]


# last


def test_last_tests_the_last_liked_work_and_validates_the_one_before():
    rows = [("u", name, None) for name in "abcd"] + [("v", name, None) for name in "ba"]
    data = dataset([*rows, ("w", "a", None)])
    (split,) = splits(data, SplitSpec())
    assert split.name == "last liked of each user"
    assert events_of(data, split.train) == [("u", "a"), ("u", "b"), ("v", "b"), ("w", "a")]
    assert asked(data, split.validation) == {"u": (["a", "b"], ["c"], ["a", "b"])}
    assert asked(data, split.test) == {"u": (["a", "b", "c"], ["d"], ["a", "b", "c"]), "v": (["b"], ["a"], ["b"])}


def test_last_passes_over_what_is_not_liked_or_not_new():
    rows = [("u", "a", None), ("u", "b", None), ("u", "c", None), ("u", "a", None), ("u", "d", None, 1, False)]
    data = dataset(rows)
    (split,) = splits(data, SplitSpec())
    assert asked(data, split.test) == {"u": (["a", "b"], ["c"], ["a", "b"])}
    assert events_of(data, split.train_validation) == [("u", "a"), ("u", "b")]


def test_last_does_not_leak():
    data = busy(times=False)
    (split,) = splits(data, SplitSpec())
    for past, holdout in ((split.train, split.validation), (split.train_validation, split.test)):
        had = set(events_of(data, past))
        for user, (history, truth, exclude) in asked(data, holdout).items():
            own = ids(data, data.query(data.users.get(user)).items)
            assert len(truth) == 1
            assert (user, truth[0]) not in had
            assert history == own[: own.index(truth[0])]
            assert exclude == sorted(set(history))


# random


def test_random_holds_out_a_fifth_of_the_works_of_each_user():
    data = replace(dataset([(u, f"{i}", None) for u in "uv" for i in range(10)]), ordered=False)
    (split,) = splits(data, SplitSpec())
    assert split.name == "random 80/20 of each user, seed 0"
    assert [len(t) for t in split.test.truth] == [2, 2]
    assert [len(t) for t in split.validation.truth] == [1, 1]
    assert (split.train.n_events, split.train_validation.n_events) == (14, 16)


def test_random_depends_on_the_seed_alone():
    data = busy()
    first, again, other = (splits(data, SplitSpec(strategy="random", seed=s))[0].train.item.tolist() for s in (1, 1, 2))
    assert first == again != other


def test_random_does_not_leak():
    data = busy()
    (split,) = splits(data, SplitSpec(strategy="random"))
    for past, holdout in ((split.train, split.validation), (split.train_validation, split.test)):
        had = set(events_of(data, past))
        for user, (history, truth, exclude) in asked(data, holdout).items():
            assert not {(user, name) for name in truth} & had
            assert {(user, name) for name in history} <= had
            assert exclude == sorted(set(history))


# users


def tenfold(users=20, **options):
    """Every user had the items a to j in this order."""
    return dataset([(f"u{u:02}", name, day) for u in range(users) for day, name in enumerate("abcdefghij")], **options)


def test_users_are_held_out_whole_and_asked_for_the_last_fifth_of_what_they_had():
    data = tenfold()
    (split,) = splits(data, SplitSpec(strategy="users"))
    assert split.name == "users 80/10/10, seed 0"
    assert (len(set(split.train.user.tolist())), len(split.validation), len(split.test)) == (16, 2, 2)
    for user, row in asked(data, split.test).items():
        assert row == (list("abcdefgh"), ["i", "j"], list("abcdefgh"))
        assert data.users.get(user) not in split.train_validation.user
    assert not set(split.validation.users.tolist()) & set(split.train.user.tolist())
    assert set(split.validation.users.tolist()) <= set(split.train_validation.user.tolist())


def test_a_held_out_user_is_asked_at_the_moment_of_the_first_work_to_come():
    (split,) = splits(tenfold(), SplitSpec(strategy="users", asked=0.5))
    assert split.test.queries[0].at == AT + 5 * DAY  # f


def test_the_history_of_a_held_out_user_ends_where_the_first_asked_work_begins():
    rows = [(u, name, None) for u in "uvwxyz" for name in "abcdda"]
    (split,) = splits(dataset(rows), SplitSpec(strategy="users", validation=0.2, test=0.2, asked=0.25))
    data = split.train
    assert {tuple(map(tuple, row)) for row in asked(data, split.test).values()} == {
        (tuple("abc"), ("d",), tuple("abc"))
    }


def test_without_an_order_held_out_users_are_asked_for_drawn_works():
    data = replace(tenfold(), ordered=False)
    (split,) = splits(data, SplitSpec(strategy="users"))
    for history, truth, exclude in asked(data, split.test).values():
        assert (len(history), len(truth)) == (8, 2)
        assert exclude == sorted(history)
        assert not set(history) & set(truth)


def test_who_had_a_single_work_stays_in_training():
    data = dataset([*[(u, name, day) for u in "uvwxyz" for day, name in enumerate("ab")], ("single", "a", 0)])
    for seed in range(5):
        (split,) = splits(data, SplitSpec(strategy="users", validation=0.2, test=0.2, seed=seed))
        assert data.users.get("single") in split.train.user


def test_what_only_held_out_users_had_is_unseen():
    data = tenfold(items=["z"])
    own = replace(data, item=data.item.copy())
    own.item[-1] = data.catalogue.ids.get("z")  # the last user had z in place of j
    for seed in range(9):
        (split,) = splits(own, SplitSpec(strategy="users", seed=seed))
        held = (own.n_users - 1) in split.test.users
        assert bool(split.test.seen_items[own.item[-1]]) is not held


# what cannot be


def test_auto_goes_by_what_the_log_has():
    spec = SplitSpec()
    timed, untimed = ten_days(), dataset([("u", "a", None), ("u", "b", None), ("u", "live", 0)])
    assert strategy_of(timed, spec) == "time"
    assert strategy_of(untimed, spec) == "last"
    assert strategy_of(replace(untimed, ordered=False), spec) == "random"


def test_auto_makes_one_window_where_there_are_no_times():
    assert len(splits(dataset([("u", name, None) for name in "abc"]), SplitSpec(windows=4))) == 1


@pytest.mark.parametrize("strategy", ["time", "last", "random", "users"])
@pytest.mark.parametrize("n", [1, 2])
def test_a_log_too_small_to_split_says_what_to_change(strategy, n):
    data = dataset([("u", str(place), -place) for place in range(n)])
    with pytest.raises(DataError, match="more events|three or more events|slices smaller|larger share"):
        splits(data, SplitSpec(strategy=strategy))


def test_three_events_of_one_user_can_be_split_by_their_order():
    (split,) = splits(dataset([("u", name, None) for name in "abc"]), SplitSpec())
    assert (split.train.n_events, len(split.validation), len(split.test)) == (1, 1, 1)


def test_a_log_without_events_is_refused():
    with pytest.raises(DataError, match="no events"):
        splits(dataset([], items=["a"], users=["u"]), SplitSpec())


def test_a_log_where_nothing_is_liked_is_refused():
    data = dataset([("u", str(day), day, 1, False) for day in range(-9, 1)])
    with pytest.raises(DataError, match="validation slice"):
        splits(data, SplitSpec())


@pytest.mark.parametrize(
    ("spec", "ordered"),
    [(SplitSpec(strategy="time"), True), (SplitSpec(strategy="last"), False), (SplitSpec(protocol="online"), False)],
)
def test_a_strategy_that_the_log_cannot_have_is_refused(spec, ordered):
    data = replace(dataset([("u", name, None) for name in "abcdef"]), ordered=ordered)
    with pytest.raises(ConfigError):
        splits(data, spec)


@pytest.mark.parametrize(
    "values",
    [
        {"windows": 9},
        {"validation": 0.0},
        {"cuts": ["2020-01-01"]},
        {"cuts": ["2020-02-01", "2020-01-01"]},
        {"cuts": ["2020-01-01", "2020-02-01"], "windows": 2},
        {"cuts": ["2020-01-01", "2020-02-01"], "strategy": "last"},
        {"strategy": "last", "windows": 2},
        {"strategy": "random", "protocol": "online"},
        {"strategy": "users", "protocol": "online"},
        {"strategy": "users", "windows": 2},
        {"strategy": "users", "asked": 1.0},
        {"folds": 3},
    ],
)
def test_an_impossible_split_spec_is_refused(values):
    with pytest.raises(ValidationError):
        SplitSpec.model_validate(values)


def test_every_part_keeps_the_ids():
    data = ten_days()
    (split,) = splits(data, SplitSpec())
    assert split.train.users is data.users
    assert split.train.catalogue is data.catalogue
