"""What is asked twice within a request is worked out once, and lists do not change by it."""

import numpy as np
import pytest

from recsys.bundle import load_bundle
from recsys.models.memory import once, one_request
from recsys.models.ranker.forest import Forest
from recsys.types import query
from support.serve import make_bundle

BLEND = {
    "recipe": "blend",
    "parts": [
        {
            "recipe": "ease",
            "reg": 5.0,
            "half_life_days": 30.0,
            "half_life_events": 1e6,
            "forward": False,
            "popularity": 0.0,
        },
        {"recipe": "als", "factors": 4, "epochs": 3},
    ],
    "weights": [0.5, 0.5],
}


def test_within_a_request_the_same_object_is_asked_once():
    asked = []
    about = (object(),)
    with one_request():
        for _ in range(2):
            assert once("x", about, lambda: asked.append(1) or 7) == 7
        once("y", about, lambda: asked.append(2))
        once("x", (object(),), lambda: asked.append(3))
    assert asked == [1, 2, 3]


def test_nothing_is_remembered_after_a_request():
    about = (object(),)
    with one_request():
        once("x", about, lambda: 1)
    with one_request():
        assert once("x", about, lambda: 2) == 2
    assert once("x", about, lambda: 3) == 3


def test_a_request_within_a_request_shares_its_memory():
    about = (object(),)
    with one_request():
        with one_request():
            once("x", about, lambda: 1)
        assert once("x", about, lambda: 2) == 1


def test_what_fails_is_tried_again():
    about = (object(),)
    with one_request():
        with pytest.raises(ZeroDivisionError):
            once("x", about, lambda: 1 / 0)
        assert once("x", about, lambda: 5) == 5


@pytest.mark.parametrize("recipe", [BLEND, {"recipe": "ranker", "parts": BLEND["parts"]}])
def test_scores_are_the_same_whatever_else_was_asked_in_the_request(tmp_path, recipe):
    model = make_bundle(tmp_path / "b", recipes=[recipe]).pipeline.sources[0]
    asked, items = query(np.array([1, 3, 5])), np.arange(10, 40, dtype=np.int32)
    alone = model.score([asked], items)
    with one_request():
        model.top([asked], 5, np.ones(40, np.bool_), [np.zeros(0, np.int32)])
        model.score([asked], items[::2])
        assert model.score([asked], items).tolist() == alone.tolist()


def test_a_part_of_several_models_is_loaded_once(tmp_path):
    ranker = {"recipe": "ranker", "parts": BLEND["parts"]}
    blend = {"recipe": "blend", "parts": [*BLEND["parts"], ranker], "weights": [1.0, 1.0, 1.0]}
    make_bundle(tmp_path / "b", recipes=[blend])
    model = load_bundle(tmp_path / "b").pipeline.sources[0]
    assert model.parts[0] is model.parts[2].parts[0]
    assert model.parts[0] is not model.parts[1]


@pytest.mark.parametrize("leaves", [2, 3, 4])
def test_a_forest_scores_as_the_trees_do_that_it_was_made_of(leaves):
    import lightgbm as lgb

    rng = np.random.default_rng(leaves)
    x = rng.standard_normal((2_000, 5)).round(1).astype(np.float32)  # many values lie on a threshold
    settings = {"num_leaves": leaves, "verbose": -1, "num_threads": 1, "deterministic": True}
    booster = lgb.train(settings, lgb.Dataset(x, x[:, 0] * (x[:, 1] > 0) + x[:, 2] ** 2), 25)
    forest = Forest.of(booster.dump_model())
    assert forest.score(x[:, :-1], x[:, -1]).tolist() == pytest.approx(booster.predict(x).tolist())


def test_larger_trees_are_left_to_their_library():
    import lightgbm as lgb

    x = np.random.default_rng(0).standard_normal((500, 3)).astype(np.float32)
    booster = lgb.train({"num_leaves": 9, "verbose": -1}, lgb.Dataset(x, x[:, 0] * x[:, 1]), 3)
    assert Forest.of(booster.dump_model()) is None


def test_a_row_of_a_forest_scores_the_same_in_any_company():
    import lightgbm as lgb

    x = np.random.default_rng(1).standard_normal((900, 4)).astype(np.float32)
    booster = lgb.train({"num_leaves": 4, "verbose": -1}, lgb.Dataset(x, x[:, 0].copy()), 40)
    forest = Forest.of(booster.dump_model())
    assert forest.score(x[:, :-1], x[:, -1])[:5].tolist() == forest.score(x[:5, :-1], x[:5, -1]).tolist()


def test_a_part_that_two_models_share_proposes_once_a_request(tmp_path, monkeypatch):
    ranker = {"recipe": "ranker", "parts": BLEND["parts"]}
    make_bundle(
        tmp_path / "b", recipes=[{"recipe": "blend", "parts": [BLEND["parts"][0], ranker], "weights": [1.0, 1.0]}]
    )
    model = load_bundle(tmp_path / "b").pipeline.sources[0]
    shared, asked = model.parts[0], []
    top = type(shared).top
    monkeypatch.setattr(type(shared), "top", lambda *given: asked.append(1) or top(*given))
    model.top([query(np.array([1, 3]))], 5, np.ones(40, np.bool_), [np.zeros(0, np.int32)])
    assert asked == [1]


def test_the_scales_of_all_queries_are_measured_together_and_by_one_array(tmp_path, monkeypatch):
    ranker = {"recipe": "ranker", "parts": BLEND["parts"]}
    make_bundle(
        tmp_path / "b", recipes=[{"recipe": "blend", "parts": [BLEND["parts"][1], ranker], "weights": [1.0, 1.0]}]
    )
    model = load_bundle(tmp_path / "b").pipeline.sources[0]
    assert model.parts[1].reference is model.reference
    asked, items = [query(np.array([at, at + 2])) for at in (1, 5, 9)], np.arange(10, 40, dtype=np.int32)
    alone = [model.score([one], items)[0].tolist() for one in asked]
    als, measured = model.parts[0], []
    score = type(als).score
    monkeypatch.setattr(
        type(als), "score", lambda self, q, i: (i is model.reference and measured.append(len(q))) or score(self, q, i)
    )
    assert model.score(asked, items).tolist() == alone
    assert measured == [3]
