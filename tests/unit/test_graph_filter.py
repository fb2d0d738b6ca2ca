import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from recsys.models.graph_filter import GraphFilter
from recsys.models.graph_filter.choice import CHOICES
from recsys.models.graph_filter.graph import degrees, edges, links, normalised
from recsys.models.graph_filter.spectrum import top_vectors_of
from recsys.models.recency import NEVER_DAYS, NEVER_EVENTS
from recsys.models.recipe import FitContext, load_model
from recsys.types import query
from support.data import checkerboard, dataset, holdout

# u had a and b, v had b and c: S = [[1, 1, 0], [1, 2, 1], [0, 1, 1]] without powers, its eigenvalues are 3, 1 and 0
PAIRS = dataset([("u", "a", -3.0), ("u", "b", -2.0), ("v", "b", -1.0), ("v", "c", 0.0)])
PLAIN = {"user_power": 0.0, "item_power": 0.0, "popularity": 0.0, "ideal": 0.0, "sharpening": 0.0}


def fit(data=PAIRS, ctx=None, **fields):
    return GraphFilter(**{**PLAIN, "factors": 3, **fields}).fit(data, ctx or FitContext(threads=1))


def scores(model, *items, weights=None):
    return model.score([query(np.array(items), weights=weights)], np.arange(3, dtype=np.int32))[0]


def test_a_history_scores_by_shared_users_over_the_largest_eigenvalue():
    assert scores(fit(), 0) == pytest.approx([1 / 3, 1 / 3, 0])
    assert scores(fit(), 0, 1) == pytest.approx([2 / 3, 1, 1 / 3])


def test_weights_of_a_history_count_and_an_equal_event_counts_once_by_its_heaviest():
    heavy = np.array([1.0, 2.0], np.float32)
    assert scores(fit(), 0, 0, weights=heavy) == pytest.approx([2 / 3, 2 / 3, 0])


def test_users_and_items_speak_by_a_power_of_their_degree():
    graph = normalised(edges(PAIRS, positives_only=True), 1.0, 0.5)  # both users had 2, item b has 2
    assert graph.toarray() == pytest.approx(np.array([[0.5, 0.5**1.5, 0], [0, 0.5**1.5, 0.5]]))


def test_popularity_lifts_by_the_degree_of_the_proposed_over_that_of_the_had():
    assert scores(fit(popularity=0.5), 0) == pytest.approx([1 / 3, 2**0.5 / 3, 0])
    assert scores(fit(popularity=0.5), 1) == pytest.approx([0.5**0.5 / 3, 2 / 3, 0.5**0.5 / 3])


def test_the_ideal_low_pass_adds_the_projection_on_the_coarsest_directions():
    direction = np.array([1, 2, 1]) / 6**0.5  # of the eigenvalue 3
    expected = np.array([1 / 3, 1 / 3, 0]) + 0.5 * direction[0] * direction
    assert scores(fit(factors=1, ideal=0.5), 0) == pytest.approx(expected, abs=1e-6)


def test_sharpening_takes_the_square_of_the_graph_away():
    once = np.array([[1, 1, 0], [1, 2, 1], [0, 1, 1]]) / 3
    assert scores(fit(sharpening=0.5), 0) == pytest.approx((once - 0.5 * once @ once)[0], abs=1e-6)


def test_the_tilt_of_popularity_holds_for_the_coarse_part_too():
    once = np.array([[1, 1, 0], [1, 2, 1], [0, 1, 1]]) / 3
    tilt = np.array([1, 2**0.5, 1])
    expected = (once - 0.5 * once @ once)[1] * tilt / tilt[1]
    assert scores(fit(popularity=0.5, sharpening=0.5), 1) == pytest.approx(expected, abs=1e-6)


def test_rows_keep_their_largest_links_and_of_equal_ones_the_first():
    graph = edges(PAIRS, positives_only=True)
    kept = links(graph, degrees(graph, 0), 1)
    # row a: b weighs 1 * 2^.2, more than a itself; row c likewise
    assert kept.neighbour.tolist() == [1, 1, 1]
    assert kept.weight.tolist() == [1, 2, 1]
    assert links(graph, np.ones(3), 1).neighbour.tolist() == [0, 1, 1]


def test_blocks_of_rows_give_what_one_block_gives(monkeypatch):
    graph = edges(checkerboard(), positives_only=True)
    whole = links(graph, degrees(graph, 0), 5)
    monkeypatch.setattr("recsys.models.graph_filter.graph._PAIRS", 1)
    rows = links(graph, degrees(graph, 0), 5)
    assert np.array_equal(whole.indptr, rows.indptr)
    assert np.array_equal(whole.neighbour, rows.neighbour)
    assert np.array_equal(whole.weight, rows.weight)


def test_the_spectrum_is_that_of_the_dense_matrix():
    dense = np.random.default_rng(0).random((40, 30), np.float32)
    vectors, values = top_vectors_of(sp.csr_matrix(dense), 5, np.random.default_rng(1))
    _, singular, right = np.linalg.svd(dense)
    assert values == pytest.approx(singular[:5] ** 2, rel=1e-4)
    assert np.abs(vectors.T @ right[:5].T) == pytest.approx(np.eye(5), abs=1e-2)


def test_a_graph_of_low_rank_has_no_more_directions_than_its_rank():
    assert fit(factors=50, ideal=0.1).arrays.factors.shape == (3, 2)


def test_an_item_without_events_and_a_query_without_known_items_are_abstained_from():
    model = fit(dataset([("u", "a", 0.0), ("u", "b", 0.0)], items=["c"]))
    assert scores(model, 0).tolist() == pytest.approx([0.5, 0.5, -np.inf])
    assert scores(model, 2).tolist() == scores(model, 99).tolist() == [-np.inf] * 3
    assert len(model.top([query(np.array([2]))], 3, np.ones(3, np.bool_), [np.zeros(0, np.int32)])[0]) == 0


def test_older_events_of_a_query_decay():
    model = fit(half_life_events=1.0)
    assert scores(model, 0, 2) == pytest.approx([1 / 6, 1 / 2, 1 / 3])


def test_open_fields_take_their_default_without_a_holdout():
    recipe = GraphFilter(factors=4).fit(checkerboard(), FitContext(threads=1)).recipe
    assert {name: getattr(recipe, name) for name in CHOICES} == {name: CHOICES[name][0] for name in CHOICES}


def test_an_open_field_is_chosen_on_the_holdout_and_a_given_one_is_kept():
    # two circles of taste; someone left the first, of which 4 items are known, for the second, of which 3 are.
    # Halved every 3 events the second weighs more (2.42 : 1.46), every 10 events less (2.80 : 2.94).
    circles = [(f"{c}{u}", f"{c}{i}", 0.0) for c in "xy" for u in range(6) for i in range(6)]
    moved = [("z", name, None) for name in ("x0", "x1", "x2", "x3", "y0", "y1", "y2")]
    asked = holdout(dataset(circles + moved), {"z": ["y3", "y4", "y5"]})
    recipe = fit(dataset(circles, users=["z"]), FitContext(threads=1, holdout=asked), half_life_events=None).recipe
    assert recipe.half_life_events == 3.0
    assert recipe.sharpening == 0.0


def test_half_lives_are_not_searched_where_the_log_has_no_order_and_no_times():
    data = replace(dataset([(u, i, None) for u in "uv" for i in "abc"]), ordered=False)
    asked = holdout(dataset([("u", "a", None)], items=["b", "c"]), {"u": ["b"]})
    recipe = fit(data, FitContext(threads=1, holdout=asked)).recipe
    assert (recipe.half_life_days, recipe.half_life_events) == (NEVER_DAYS, NEVER_EVENTS)


def test_a_model_that_is_loaded_and_asked_imports_neither_torch_nor_implicit(tmp_path):
    fit().save(tmp_path)
    assert np.array_equal(scores(load_model(tmp_path), 0), scores(fit(), 0))
    code = (
        "import pathlib, sys, numpy as np\n"
        "from recsys.models.recipe import load_model\n"
        "from recsys.types import query\n"
        "model = load_model(pathlib.Path(sys.argv[1]))\n"
        "assert len(model.top([query(np.array([0]))], 2, np.ones(3, bool), [np.zeros(0, np.int32)])[0]) == 2\n"
        "assert not {'torch', 'implicit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
