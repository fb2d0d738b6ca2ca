import json

import numpy as np
import pytest

from recsys.errors import ConfigError
from recsys.evaluate import compare, evaluate, pool, table
from recsys.evaluate.evaluation import pseudonyms
from recsys.models.recipe import FitContext
from support.data import dataset, holdout
from support.models import Told

# u has had a and b, w nothing; nobody has had e or f
DATA = dataset(
    [("u", "a", -1.0), ("u", "b", 0.0), ("v", "a", 0.0), ("v", "c", 0.0), ("v", "d", 0.0)],
    items=[{"item_id": "e", "genres": ["Drama"]}, {"item_id": "f", "genres": ["News"]}],
    users=["w"],
)
ASKED = holdout(DATA, {"u": ["c", "e"], "w": ["b"]})
FALLING = (6.0, 5.0, 4.0, 3.0, 2.0, 1.0)  # a first, f last


def evaluated(scores=FALLING, asked=ASKED, name="", **options):
    return evaluate(Told(scores=scores).fit(DATA, FitContext()), asked, DATA, name=name, **options)


def test_seen_items_are_removed_before_places_are_counted():
    # u is shown c d e f: c hits at 1, e at 3; w is shown a b c d e f: b hits at 2
    found = evaluated()
    assert found.users.tolist() == pseudonyms(["u", "w"]).tolist()
    assert found.per_query["mrr@5"].tolist() == [1.0, 0.5]
    assert found.per_query["recall@5"].tolist() == [1.0, 1.0]
    ideal = 1 + 1 / np.log2(3)
    assert found.per_query["ndcg@5"].tolist() == pytest.approx([1.5 / ideal, 1 / np.log2(3)])


def test_every_metric_is_there_at_every_k():
    names = {f"{metric}@{k}" for metric in ("hit", "map", "mrr", "ndcg", "precision", "recall") for k in (1, 3)}
    assert set(evaluated(ks=(1, 3)).per_query) == names


def test_warm_and_new_users_are_told_apart():
    found = evaluated()
    assert found.values("mrr@5", "warm").tolist() == [1.0]
    assert found.values("mrr@5", "new_users").tolist() == [0.5]
    assert found.mean("mrr@5") == 0.75


def test_new_items_are_measured_by_truth_without_events_before_the_cut():
    found = evaluated()
    assert found.values("mrr@5", "new_items").tolist() == [pytest.approx(1 / 3)]  # u's e at place 3; w has none
    assert found.values("recall@5", "new_items").tolist() == [1.0]


def test_lists_as_a_whole_have_coverage_filled_slots_and_diversity():
    found = evaluated(ks=(2, 6))
    assert found.mean("coverage@2") == pytest.approx(4 / 6)  # c d, a b
    assert found.mean("filled@6") == pytest.approx(10 / 12)
    assert found.mean("diversity@6") == 1.0  # e and f have nothing in common
    assert np.isnan(found.mean("diversity@2"))


def test_lists_have_what_is_beyond_accuracy():
    found = evaluated(ks=(2,))  # u is shown c d and hits c, w is shown a b and hits b; only a was had twice
    assert found.mean("gini@2") == pytest.approx(2 / 6)  # 0 0 1 1 1 1 times: ((1 + 3 + 5 - 1)) / (6 * 4)
    assert found.mean("serendipity@2") == 0.0  # popular without what u had is c d, and a b for w
    assert found.mean("popularity_lift@2") == pytest.approx(1 / 1.5 - 1)  # u: c d, once each, after a (twice) and b
    assert np.isnan(found.mean("calibration_error@2"))  # nothing had has a genre


def test_segments_of_one_kind_have_a_gap():
    found = evaluated().gap("mrr@5", "history", fewest=1)
    assert found.difference.mean == 0.5  # 1 for u with a history, 1/2 for w
    assert found.ratio.mean == 0.5
    with pytest.raises(ConfigError, match="no two segments of 'history' with 30 queries"):
        evaluated().gap("mrr@5", "history")


def test_providers_have_exposure():
    films = [{"item_id": "a", "provider": "p"}, {"item_id": "b", "provider": "q"}]
    data = dataset([("u", "a", 0.0)], items=films, users=["v"])
    model = Told(scores=(2.0, 1.0)).fit(data, FitContext())
    found = evaluate(model, holdout(data, {"v": ["b"]}), data, ks=(1,))
    assert found.exposure["provider"] == {"p": (1.0, 0.5, 1.0), "q": (0.0, 0.5, 0.0)}
    assert pool([found, found]).exposure == found.exposure
    assert found.summary()["exposure"]["provider"]["q"] == {"shown": 0.0, "catalogue": 0.5, "consumed": 0.0}


def test_an_abstaining_model_fills_fewer_slots_and_misses():
    found = evaluated((None, None, None, None, None, 1.0), ks=(2,))
    assert found.mean("filled@2") == 0.5
    assert found.mean("recall@2") == 0.0


def test_recall_by_popularity_puts_each_truth_item_in_its_decile():
    # a has two events, b c d one, e f none: by rank a is in decile 9, b 8, c 6, d 4, e 3, f 1
    curve = evaluated().by_popularity
    assert curve[[8, 6, 3]].tolist() == [1.0, 1.0, 1.0]
    assert np.isnan(np.delete(curve, [8, 6, 3])).all()


def test_a_truth_item_that_is_not_shown_counts_as_missed_in_its_decile():
    assert evaluated((1.0, None, 1.0, 1.0, 1.0, 1.0)).by_popularity[8] == 0.0


def test_a_summary_is_json_with_an_interval_and_n_for_every_group():
    summary = json.loads(json.dumps(evaluated(name="told").summary(), allow_nan=False))
    assert summary["name"] == "told"
    assert {group: values["n"] for group, values in summary["groups"].items()} == {
        "all": 2,
        "warm": 1,
        "new_users": 1,
        "new_items": 1,
        "history=0": 1,
        "history=1-4": 1,
        "history=5-19": 0,
        "history=20+": 0,
    }
    assert summary["groups"]["all"]["metrics"]["mrr@5"] == {"mean": 0.75, "low": 0.5, "high": 1.0}
    assert summary["lists"]["coverage@10"] == 1.0


def test_a_holdout_without_queries_has_a_summary_of_nothing():
    summary = json.loads(json.dumps(evaluated(asked=holdout(DATA, {})).summary(), allow_nan=False))
    unknown = {"mean": None, "low": None, "high": None}
    assert summary["groups"]["all"] == {
        "n": 0,
        "metrics": dict.fromkeys(evaluated().per_query, unknown),
    }


def test_pooled_windows_hold_the_queries_of_all():
    both = pool([evaluated(), evaluated(asked=holdout(DATA, {"w": ["f"]}))])
    assert both.users.tolist() == pseudonyms(["u", "w", "w"]).tolist()
    assert both.per_query["mrr@10"].tolist() == [1.0, 0.5, pytest.approx(1 / 6)]
    assert both.groups["new_users"].tolist() == [False, True, True]
    assert both.mean("filled@10") == pytest.approx(2 / 3 * 0.5 + 1 / 3 * 0.6)
    assert both.decile_truth.sum() == 4


def test_intervals_resample_the_users_of_pooled_windows_and_not_their_queries():
    both = pool([evaluated() for _ in range(50)])  # u always makes 1, w always 1/2: resamples have 1/2, 3/4 or 1
    assert both.interval("mrr@5") == (0.75, 0.5, 1.0)
    assert both.summary()["groups"]["all"]["metrics"]["mrr@5"] == {"mean": 0.75, "low": 0.5, "high": 1.0}
    assert both.interval("mrr@5", "warm") == (1.0, 1.0, 1.0)
    best = pool([evaluated((1.0, 6.0, 5.0, 1.0, 4.0, 1.0)) for _ in range(50)])  # 1 for both users
    assert compare(best, both, "mrr@5") == (pytest.approx(4 / 3), 1.0, 2.0)


def test_a_comparison_is_the_ratio_of_means_over_the_same_queries():
    best = evaluated((1.0, 6.0, 5.0, 1.0, 4.0, 1.0))  # u: c e, w: b: all at the top
    ratio, low, high = compare(best, evaluated(), "mrr@5")
    assert ratio == pytest.approx(1.0 / 0.75)
    assert (low, high) == (1.0, 2.0)


def test_groups_are_compared_like_the_whole():
    best = evaluated((1.0, 6.0, 5.0, 1.0, 4.0, 1.0))
    assert compare(best, evaluated(), "mrr@5", group="new_users") == (2.0, 2.0, 2.0)
    assert compare(best, evaluated(), "mrr@5", group="new_items") == pytest.approx((1.5, 1.5, 1.5))  # e at 2 and at 3


def test_different_queries_cannot_be_compared():
    with pytest.raises(ConfigError, match="same queries"):
        compare(evaluated(), evaluated(asked=holdout(DATA, {"w": ["f"]})))


def test_an_unknown_metric_is_refused_by_name():
    with pytest.raises(ConfigError, match="'ndcg@7'"):
        evaluated().mean("ndcg@7")


def test_the_table_has_the_best_first():
    worse = evaluated((1.0, 2.0, 3.0, 4.0, 5.0, 6.0), name="worse")
    rows = table([worse, evaluated(name="better")])
    assert [row["name"] for row in rows] == ["better", "worse"]
    assert rows[0]["queries"] == 2
    assert {"ndcg@10", "recall@10", "coverage@10"} <= set(rows[0])


def test_any_number_of_threads_finds_the_same():
    people = [f"u{n}" for n in range(7)]
    data = dataset([("v", name, 0.0) for name in "abcd"], users=people)
    asked = holdout(data, {user: ["a", "c"] for user in people})
    model = Told(scores=(1.0, 2.0, 3.0, 4.0)).fit(data, FitContext())
    one, three = (evaluate(model, asked, data, threads=threads) for threads in (1, 3))
    assert one.summary() == three.summary()
    assert one.mean("mrr@10") == 0.5
