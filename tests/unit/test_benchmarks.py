import json
import math
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import __main__ as command
from benchmarks import specs
from benchmarks.factorisers import Curve, histories
from benchmarks.form import Options
from benchmarks.ials_speed import _hardest
from benchmarks.logs import leave_one_out, published, read, sample
from benchmarks.loop import best_single
from benchmarks.plain_ease import PlainEase
from benchmarks.ratios import Point, Track, over_queries, over_rounds, reached, times
from benchmarks.sasrec_speed import side_by_side
from benchmarks.tuning import Journal, Log, Pick, draws
from recsys.evaluate import evaluate
from recsys.models.recipe import FitContext, parse
from recsys.types import query
from support.data import dataset, holdout
from support.models import Told

DATA = dataset([("u", "a", 0.0), ("v", "b", 0.0)], items=["c", "d"])
ASKED = holdout(DATA, {"u": ["c"]})
SERVED = ("serve_against_naive", "serve_latency", "serve_stages", "serve_throughput")
DRAWN = (
    "ann",
    "evaluation_speed",
    "filters",
    "fuzz",
    "gate",
    "invariant",
    "loop",
    "newsroom",
    "overrides",
    "properties",
    "receipts",
    "retrieval",
    "swap",
    "takedown",
    *SERVED,
)  # need no logs
ALL = tuple(command.modules())
ROW = {"case", "metric", "ours", "peer", "peer_name", "ratio", "low", "high", "bar", "ok"}
RESULT = {"bench", "rows", "details", "versions", "settings", "seconds"}


def trial(section, *scores):
    """A trial that ranks the items a, b, c and d by these scores."""
    told = evaluate(Told(scores=scores).fit(DATA, FitContext()), ASKED, DATA)
    return SimpleNamespace(section=section, pooled_test=told)


def write(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def curve(*points):
    """A curve of (seconds, NDCG) after each epoch."""
    return [Point(epoch, seconds, ndcg) for epoch, (seconds, ndcg) in enumerate(points, 1)]


def measured(*points):
    """A curve of (seconds, NDCG) as it is written down while a side is fitted."""
    found = Curve(None)
    for seconds, ndcg in points:
        found(seconds, lambda measure, value=ndcg: value)
    return found


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """A folder of logs in which even users had even items and odd users odd ones, 8 of 10; everything is kept in it."""
    monkeypatch.chdir(tmp_path)
    pairs = [(u, i) for u in range(40) for i in range(u % 2, 20, 2) if (u + i) // 2 % 5]
    user, item = ([f"{kind}{n}" for n in column] for kind, column in zip("ui", zip(*pairs, strict=True), strict=True))
    held = np.arange(len(pairs)) % 4 == 0
    for part, keep in (("train", ~held), ("test", held)):
        chosen = {"user_id": np.array(user)[keep].tolist(), "item_id": np.array(item)[keep].tolist()}
        write(tmp_path / "logs" / "gowalla-lightgcn" / f"{part}.parquet", **chosen)
    places = list(range(len(pairs)))
    for name in ("amazon-beauty-s3rec", "amazon-toys-s3rec", "ml-1m", "ml-100k"):
        write(
            tmp_path / "logs" / name / "events.parquet", user_id=user, item_id=item, order=pa.array(places, pa.int32())
        )
    return tmp_path / "logs"


def ran(monkeypatch, capsys, *arguments):
    """The exit code of the command, and the last line it printed."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", *map(str, arguments)])
    code = command.main()
    lines = capsys.readouterr().out.splitlines()
    return code, lines[-1] if lines else ""


def test_every_benchmark_is_listed_with_its_bars(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    assert command.main() == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(ALL)
    assert set(DRAWN) < set(ALL)


@pytest.mark.parametrize("name", ["loop", "all"])
def test_an_unknown_case_is_refused_with_those_there_are(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", name, "--case", "rollling"])
    assert command.main() == 2
    told = capsys.readouterr().err
    assert "no case 'rollling'" in told
    assert "rolling, random" in told


def test_the_best_single_model_on_test_is_named_with_the_rankers_ratio_to_it():
    worst, best = trial("als", 1.0, 4.0, 2.0, 3.0), trial("warp", 1.0, 2.0, 4.0, 3.0)  # u's c is third and first
    trials = {"als": worst, "warp": best, "two_tower": worst, "popular": worst, "ease": worst, "ranker": worst}
    assert best_single(trials) == {"model": "warp", "ratio": 0.5, "low": 0.5, "high": 0.5}  # 1 / log2(4)


@pytest.mark.parametrize("name", ["gowalla", "ml100k_random", "sequential"])
def test_a_quick_tuning_and_a_quick_run_of_it_give_the_form_of_a_result(name, logs, monkeypatch, capsys):
    assert ran(monkeypatch, capsys, name, "--data", logs, "--quick", "--tune")[0] == 0
    code, last = ran(monkeypatch, capsys, name, "--data", logs, "--quick")
    assert code == 0
    found = json.loads(last)
    assert set(found) == RESULT
    assert found["bench"] == name
    assert found["rows"]
    assert all(set(row) == ROW and row["low"] <= row["ratio"] <= row["high"] for row in found["rows"])


def test_a_quick_run_times_every_library_of_als(logs, monkeypatch, capsys):
    pytest.importorskip("irspack")
    asked = ("ials_speed", "--data", logs, "--quick", "--case", "ml-1m")
    assert ran(monkeypatch, capsys, *asked, "--tune")[0] == 0
    code, last = ran(monkeypatch, capsys, *asked)
    assert code == 0
    assert [row["peer_name"] for row in json.loads(last)["rows"]] == ["implicit", "irspack"]


@pytest.mark.parametrize("name", [name for name in ALL if name not in DRAWN])
def test_without_the_folder_of_logs_a_benchmark_says_which_one_it_needs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = command.modules()[name]
    asked = ["--tune"] if hasattr(module, "tune") else []
    if hasattr(module, "CASES"):
        asked += ["--case", module.CASES[0]]
    monkeypatch.setattr(sys, "argv", ["benchmarks", name, *asked])
    assert command.main() == 2
    assert "--data DIR" in capsys.readouterr().err


def test_a_quick_tuning_leaves_what_is_checked_in_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quick, full = Options(quick=True), Options()
    path = specs.save("nothing", "case", {"reg": 1.0, "open": None}, quick)
    assert not path.is_absolute()
    assert specs.load("nothing", "case", quick) == {"reg": 1.0}
    with pytest.raises(Exception, match=r"no table \[case\]; run .* --tune first"):
        specs.load("nothing", "case", full)


@pytest.mark.parametrize("path", sorted(specs.FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_that_is_checked_in_can_be_read(path):
    for case in specs._read(path).values():
        for tried in [*case.get("tried", []), *([case["ours"]] if "recipe" in case.get("ours", {}) else [])]:
            assert parse(tried["settings"]).name == tried["settings"]["recipe"]


def test_a_benchmark_that_cannot_run_does_not_keep_the_others_from_it(logs, monkeypatch, capsys):
    two = {name: module for name, module in command.modules().items() if name in ("gowalla", "sequential")}
    monkeypatch.setattr(command, "modules", lambda: two)
    monkeypatch.setattr(command, "RESULTS", logs / "RESULTS.md")
    assert ran(monkeypatch, capsys, "sequential", "--data", logs, "--quick", "--tune")[0] == 0
    (logs / "gowalla-lightgcn" / "test.parquet").unlink()
    monkeypatch.setattr(specs, "FOLDER", logs)  # nothing is checked in for gowalla
    code, last = ran(monkeypatch, capsys, "all", "--data", logs, "--quick")
    assert (code, json.loads(last)["bench"]) == (2, "sequential")
    assert not (logs / "RESULTS.md").exists()


def test_settings_are_drawn_within_their_ranges_and_the_same_for_the_same_seed():
    space = {"reg": Log(0.1, 10.0), "solver": Pick(("a", "b"))}
    drawn = draws(space, 8, seed=3)
    assert drawn == draws(space, 8, seed=3)
    assert all(0.1 <= one["reg"] <= 10.0 for one in drawn)
    assert {one["solver"] for one in drawn} == {"a", "b"}
    assert Log(1.0, 100.0).at(0.5) == 10.0


def test_a_search_that_goes_on_tries_nothing_twice(tmp_path):
    asked = []
    for _ in range(2):
        book = Journal(tmp_path / "book.jsonl")
        tried = book.once({"reg": 2.0}, lambda: asked.append("tried") or ({"reg": 2.0, "alpha": 1.0}, 0.5))
    assert asked == ["tried"]
    assert (tried.settings, tried.validation) == ({"reg": 2.0, "alpha": 1.0}, 0.5)


def test_the_published_split_ranks_items_of_both_files_and_keeps_train_out_of_the_lists(tmp_path):
    write(tmp_path / "train.parquet", user_id=["u", "u", "v"], item_id=["a", "b", "a"])
    write(tmp_path / "test.parquet", user_id=["u", "v"], item_id=["c", "b"])
    data, asked = published(tmp_path)
    assert (data.n_users, data.n_items, data.n_events) == (2, 3, 3)
    ids = data.catalogue.ids
    assert [ids.external(truth) for truth in asked.truth] == [["c"], ["b"]]
    assert [ids.external(hidden) for hidden in asked.exclude] == [["a", "b"], ["a"]]


def test_an_ordered_log_leaves_the_last_event_for_test_and_the_one_before_for_validation(tmp_path):
    order = pa.array([2, 0, 1], pa.int32())  # u had b, c, a
    write(tmp_path / "events.parquet", user_id=["u"] * 3, item_id=["a", "b", "c"], order=order)
    write(tmp_path / "items.parquet", item_id=["z", "a"], title=["never had", "A"])
    data = read(tmp_path)
    split = leave_one_out(data)
    ids = data.catalogue.ids
    assert set(ids.ids) == {"a", "b", "c"}
    assert data.catalogue.record(ids.get("a"))["title"] == "A"
    assert ids.external(split.validation.queries[0].items) == ["b"]
    assert ids.external(split.validation.truth[0]) == ["c"]
    assert ids.external(split.test.queries[0].items) == ["b", "c"]
    assert ids.external(split.test.truth[0]) == ["a"]


def test_a_sample_of_a_holdout_keeps_questions_whole():
    asked = holdout(DATA, {"u": ["c"], "v": ["d"]})
    (truth,) = sample(asked, 1, seed=0).truth
    assert truth.tolist() in ([2], [3])
    assert sample(asked, 2) is asked


def test_plain_ease_is_the_closed_form():
    data = dataset([("u", "a", 0.0), ("u", "b", 0.0), ("v", "a", 0.0)])  # Gram (2, 1; 1, 1)
    model = PlainEase(data, reg=1.0)
    assert model.weights.tolist() == [
        [0.0, pytest.approx(1 / 3)],
        [pytest.approx(1 / 2), 0.0],
    ]  # 1 / (2 + 1), 1 / (1 + 1)
    (ranked,) = model.top([query(np.array([0]))], 1, np.ones(2, np.bool_), [np.array([0], np.int32)])
    assert ranked.items.tolist() == [1]
    assert ranked.scores.tolist() == [pytest.approx(1 / 3)]


def test_a_curve_reaches_a_target_at_its_first_epoch_there():
    points = curve((1.0, 0.1), (2.0, 0.3), (3.0, 0.2))
    assert reached(points, 0.2) == 2
    assert reached(points, 0.4) is None


def test_the_ratio_over_rounds_is_their_median_between_the_smallest_and_the_largest():
    assert over_rounds([1.0, 2.0, 1.0], [3.0, 4.0, 4.0]) == (3.0, 2.0, 4.0)
    assert over_rounds([math.inf], [4.0]) == (0.0, 0.0, 0.0)


def test_a_solver_that_is_slow_and_hardly_better_does_not_hide_the_quick_one():
    quick, slow = measured((1.0, 0.20), (2.0, 0.30)), measured((50.0, 0.31))
    assert _hardest(measured((0.5, 0.32)), [quick, slow]) == 0  # 2 / .5 against 50 / .5
    assert _hardest(measured((0.5, 0.305)), [quick, slow]) == 1  # which ours does not reach at all


def test_both_sides_are_timed_to_a_share_of_the_peers_best():
    mine, theirs = curve((1.0, 0.10), (2.0, 0.19)), curve((3.0, 0.19), (6.0, 0.20), (9.0, 0.18))
    assert times(mine, theirs, 0.95) == (2.0, 3.0)
    assert times(mine, theirs, 1.0) == (math.inf, 6.0)


def test_the_interval_of_a_time_to_quality_is_over_queries_that_each_set_a_target():
    half = np.array([0.0, 1.0], np.float32)
    mine = Track([1.0, 2.0], [half * 0.5, half])
    theirs = Track([4.0, 8.0], [half * 0.5, half])
    assert over_queries(mine, theirs, 0.98).ratio == 4.0
    alike = over_queries(mine, theirs, 0.5)
    assert (alike.ratio, alike.high) == (4.0, 4.0)
    never = over_queries(Track([1.0], [half * 0.5]), theirs, 0.98)
    assert (never.ratio, never.low) == (0.0, 0.0)


class Side:
    """Turns of a given length, with the right item first from the turn ``good`` on."""

    def __init__(self, length, good):
        self.seconds, self.turns, self._length, self._good = 0.0, 0, length, good

    def turn(self):
        self.seconds += self._length
        self.turns += 1
        return np.array([[2 if self.turns >= self._good else 3]], np.int32)  # u likes c, which is 2


def test_sides_take_turns_by_the_time_they_had_and_end_when_they_no_longer_get_better():
    quick, slow = Side(1.0, good=2), Side(30.0, good=9)
    tracks = side_by_side([quick, slow], ASKED, minutes=1.0, patience=3)
    assert [point.ndcg for point in tracks[0].points] == [0.0, 1.0, 1.0, 1.0, 1.0]  # three turns behind its best
    assert tracks[1].seconds == [30.0, 60.0, 90.0]  # out of time


def test_histories_are_summed_by_item():
    matrix = histories([query(np.array([1, 1])), query(np.array([0]))], 3)
    assert matrix.toarray().tolist() == [[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]]
