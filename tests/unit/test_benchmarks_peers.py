import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import __main__ as command
from benchmarks.end_to_end import Stage, peak_bytes, stages
from benchmarks.fallback import Popular, gains, peer_lists, popular_lists
from benchmarks.field import matrix_of, places_near
from benchmarks.news import HOUR, Gap, best_window, counts, rows, split_at
from benchmarks.plain_ease import PlainEase
from benchmarks.rivals import RIVALS
from benchmarks.tuning import Pick
from recsys.clock import to_datetime
from recsys.errors import FitError
from support.data import AT, checkerboard, dataset, holdout

MINUTE = 1 / 1440  # days


def scores(*row):
    """A peer that has the same scores for everybody."""
    return lambda users: np.tile(np.array(row, np.float32), (len(users), 1))


def known(data):
    events = data.matrix()
    return np.diff(events.indptr) > 0, np.bincount(events.indices, minlength=data.n_items) > 0


def told(data, lists):
    return [data.catalogue.ids.external(items) for items in lists]


def test_a_peers_list_ends_with_what_is_popular_and_holds_nothing_twice():
    data = dataset([("u", "a", 0), ("v", "b", 0), ("v", "c", 0), ("w", "c", 0)], items=["d"])
    asked = holdout(data, {"u": ["c"]})
    lists = peer_lists(scores(9.0, 1.0, -np.inf, 5.0), known(data), np.array([1.0, 1.0, 2.0, 0.5]), asked)
    assert told(data, lists) == [["b", "c", "d"]]  # a is seen, c and d (without events) come as popular


def test_a_user_whom_a_peer_was_not_fitted_on_gets_the_popular_list():
    data = dataset([("u", "a", 0), ("v", "b", 0), ("w", "b", -1)], users=["new"])
    asked = holdout(data, {"new": ["b"]})
    lists = peer_lists(scores(9.0, 1.0), known(data), np.array([1.0, 2.0]), asked)
    assert told(data, lists) == [["b", "a"]]


def test_popularity_is_of_liked_events_or_of_all():
    data = dataset([("u", "a", 0, 1.0, False), ("v", "b", 0), ("w", "a", 0, 1.0, False)])
    assert Popular(7.0).ranking(data).tolist() == [-np.inf, 1.0]
    assert Popular(7.0, liked=False).ranking(data).tolist() == [2.0, 1.0]


def test_gains_are_ndcg_by_query():
    data = dataset([("u", "a", 0), ("v", "a", 0)], items=["b", "c"])
    asked = holdout(data, {"u": ["b"], "v": ["c"]})
    lists = popular_lists(np.array([3.0, 2.0, 1.0], np.float32), asked)
    assert gains(lists, asked).tolist() == pytest.approx([1.0, 1 / np.log2(3)])


def test_a_peer_may_be_fitted_on_the_newest_days_and_on_liked_events():
    data = dataset([("u", "a", -30), ("u", "b", -1, 1.0, False), ("v", "b", -1), ("v", "b", 0)])
    assert matrix_of(data, {"liked": False}).toarray().tolist() == [[1, 1], [0, 1]]
    assert matrix_of(data, {"liked": True, "days": 7.0}).toarray().tolist() == [[0, 0], [0, 1]]


def test_the_second_half_of_a_search_stays_near_the_best_and_within_the_space():
    places = places_near(np.array([0.99, 0.5]), 16)
    assert (np.abs(places - [0.99, 0.5]) <= 0.3).all()
    assert [Pick(("a", "b")).at(u) for u in (places[:, 0].max(), 0.0)] == ["b", "a"]


@pytest.mark.parametrize("name", RIVALS)
def test_every_peer_finds_the_colour_of_a_checkerboard(name):
    pytest.importorskip({"irspack iALS": "irspack", "LightFM": "lightfm"}.get(name, "numpy"))
    fit, space = RIVALS[name]
    data = checkerboard()
    middle = {setting: values.at(0.5) for setting, values in space.items()}
    found = fit(data.matrix(), middle)(np.arange(2, dtype=np.int32))
    found = np.where(np.isfinite(found), found, found[np.isfinite(found)].min() - 1.0)
    assert found[0, ::2].mean() > found[0, 1::2].mean()
    assert found[1, 1::2].mean() > found[1, ::2].mean()


@pytest.mark.parametrize(("users", "items"), [(16, 24), (24, 16)])
def test_ease_is_the_same_by_users_and_by_items(users, items):
    data = checkerboard(users, items)
    asked = holdout(data, {"u00": ["i00"], "u01": ["i01"]})
    everything, nothing = np.ones(items, np.bool_), [np.zeros(0, np.int32)] * 2
    found = RIVALS["EASE"][0](data.matrix(), {"reg": 3.0})(asked.users)
    for row, ranked in zip(found, PlainEase(data, 3.0).top(asked.queries, items, everything, nothing), strict=True):
        assert row[ranked.items] == pytest.approx(ranked.scores, abs=1e-5)


def test_the_share_of_the_gap_is_what_ours_gains_over_what_there_is_to_gain():
    flat = [np.full(4, value, np.float32) for value in (0.45, 0.40, 0.50)]
    assert Gap(*flat).share == pytest.approx(0.5, abs=1e-6)
    assert Gap(flat[1], flat[0], flat[2]).share == pytest.approx(-1.0, abs=1e-5)


def test_each_cut_must_not_lie_below_popular_and_their_mean_closes_a_fifth():
    half, none = ([np.full(4, v, np.float32) for v in (ours, 0.4, 0.5)] for ours in (0.45, 0.392))
    lines = rows({"first": Gap(*half), "second": Gap(*none)})
    assert [(line["case"], line["ratio"], line["ok"]) for line in lines] == [
        ("first", 0.5, True),
        ("second", -0.08, False),
        ("mean", 0.21, True),
    ]
    assert [line["case"] for line in rows({"first": Gap(*half)})] == ["first"]


def test_the_window_of_popularity_is_chosen_on_the_hour_before_the_cut():
    def late(minute):  # minutes before the end of the log, an hour behind the cut
        return -minute * MINUTE

    before = [(f"o{n}", "old", late(300 + n)) for n in range(9)]  # much read five hours ago
    at_first = [(f"n{n}", "new", late(125 + n)) for n in range(3)]  # on the rise before validation
    then = [(f"v{n}", "new", late(70 + n)) for n in range(3)] + [("t", "new", late(10))]
    data = dataset(before + at_first + then)
    split = split_at(data, to_datetime(AT) - HOUR)
    minutes, gained = best_window(split)
    assert minutes <= 180
    assert gained.tolist() == [1.0]


def test_what_was_read_before_the_window_only_parts_equals():
    data = dataset([("u", "a", -1), ("v", "a", -1), ("w", "b", 0), ("x", "c", 0), ("y", "c", -1)])
    assert counts(data, 60).tolist() == pytest.approx([2 / 6, 1 + 1 / 6, 1 + 2 / 6])


def test_the_stages_of_a_training_lie_before_between_and_behind_its_sections():
    runs = [Stage("als", 15.0, 18.0), Stage("popular", 12.0, 14.0)]
    assert stages(runs, 10.0, 20.0) == {"data": 2.0, "popular": 2.0, "als": 3.0, "refit and publish": 2.0}


def test_the_peak_of_memory_is_that_of_the_whole_process_tree():
    pytest.importorskip("psutil")
    child = "import time; held = bytearray(60_000_000); time.sleep(2)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    assert peak_bytes([sys.executable, "-c", parent]) > 60e6
    with pytest.raises(FitError, match="ended with code 3"):
        peak_bytes([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A log over time in which even users rate even items, a new one each day."""
    monkeypatch.chdir(tmp_path)
    days = [(u, 2 * d + u % 2, d) for u in range(20) for d in range(10)]
    user, item, day = zip(*days, strict=True)
    when = pa.array(
        [int((AT + d * 86_400 + u) * 1e6) for u, d in zip(user, day, strict=True)], pa.timestamp("us", "UTC")
    )
    folder = tmp_path / "logs" / "ml-100k"
    folder.mkdir(parents=True)
    table = {
        "user_id": [f"u{u}" for u in user],
        "item_id": [f"i{i}" for i in item],
        "timestamp": when,
        "kind": ["rating"] * len(days),
        "value": [5.0 if (u + d) % 3 else 2.0 for u, d in zip(user, day, strict=True)],
    }
    pq.write_table(pa.table(table), folder / "events.parquet")
    return folder.parent


def test_a_quick_tuning_and_a_quick_run_of_it_set_ours_against_the_best_peer(log, monkeypatch, capsys):
    pytest.importorskip("irspack")
    pytest.importorskip("lightfm")
    asked = ["benchmarks", "temporal", "--data", str(log), "--case", "ml-100k", "--quick"]
    monkeypatch.setattr(sys, "argv", [*asked, "--tune"])
    assert command.main() == 0
    monkeypatch.setattr(sys, "argv", asked)
    assert command.main() == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    (line,) = found["rows"]
    peers = {name: told["test"] for name, told in found["details"]["ml-100k"]["peers"].items() if name != "budget"}
    assert set(peers) == {"popular", *RIVALS}
    assert line["peer"] == max(peers.values())
    assert peers[line["peer_name"]] == line["peer"]
