"""The rerank stage on a list, on a model and in a bundle."""

import json
from dataclasses import replace

import numpy as np
import pytest

from recsys.bundle import MANIFEST, load_bundle
from recsys.content import ContentSpace
from recsys.dataset.data import Split
from recsys.errors import ConfigError
from recsys.models.recipe import FitContext
from recsys.pipeline import Overlay, Pipeline
from recsys.rerank import Calibration, Exploration, Rerank, reranked
from recsys.rerank.tradeoff import tradeoff
from recsys.types import Slate, query
from support.data import dataset, holdout
from support.models import Told
from support.serve import make_bundle
from training.evaluate import spec_of_bundle
from training.selection import Arena
from training.spec import RunSpec, parse_spec

NONE = np.zeros(0, np.int32)
# a and b are of one kind, c of another
DATA = dataset(
    [],
    items=[
        {"item_id": "a", "genres": ["war"]},
        {"item_id": "b", "genres": ["war"]},
        {"item_id": "c", "genres": ["love"]},
    ],
)
MODEL = Told(scores=(3.0, 2.9, 1.0)).fit(DATA, FitContext())
CONTENT = ContentSpace.fit(DATA.catalogue)
DIVERSE = Rerank(diversity=0.6)


def pipeline(rerank, content=CONTENT):
    return Pipeline(DATA.catalogue, (MODEL,), content, rerank)


def slate(items=(0, 1, 2)):
    n = len(items)
    scores = np.array([3.0, 2.9, 1.0, 0.5][:n], np.float32)
    return Slate(np.array(items, np.int32), scores, tuple("pqrs"[:n]), (None, "o", None, None)[:n])


def test_with_everything_off_a_list_is_the_very_same():
    before = slate()
    after, propensities = pipeline(Rerank()).reranked(before, query(), 3, seed=0)
    assert after is before
    assert not len(propensities)


def test_items_move_with_their_sources_and_overrides_and_scores_stay_with_their_places():
    after, _ = pipeline(DIVERSE).reranked(slate(), query(), 3)
    assert after.items.tolist() == [0, 2, 1]
    assert after.sources == ("p", "r", "q")
    assert after.overrides == (None, None, "o")
    assert after.scores.tolist() == slate().scores.tolist()


def test_what_stands_behind_the_pool_stays_there():
    after, _ = pipeline(Rerank(diversity=0.6, pool=2)).reranked(slate(), query(), 1)
    assert after.items.tolist() == [0, 1, 2]


def test_without_content_there_is_nothing_to_diversify():
    assert pipeline(DIVERSE, None).reranked(slate(), query(), 3)[0].items.tolist() == [0, 1, 2]


def test_a_list_is_calibrated_to_the_history_and_unchanged_without_one():
    line = pipeline(Rerank(calibration=Calibration(weight=0.9)))
    assert line.reranked(slate(), query(np.array([2])), 3)[0].items.tolist() == [2, 0, 1]
    assert line.reranked(slate(), query(), 3)[0].items.tolist() == [0, 1, 2]


def test_diversity_and_calibration_go_together():
    both = Rerank(diversity=0.5, calibration=Calibration(weight=0.6))
    # after a: b is worth .2 * .95 - .5 + .6 log 2 = .106, c is worth .6 log 1.01 = .006
    assert pipeline(both).reranked(slate(), query(np.array([0])), 3)[0].items.tolist() == [0, 1, 2]
    # without a history b is worth .5 * .95 - .5 < 0
    assert pipeline(both).reranked(slate(), query(), 3)[0].items.tolist() == [0, 2, 1]


def test_exploration_gives_the_propensity_of_every_place_of_the_pool():
    line = pipeline(Rerank(exploration=Exploration(slots=1, epsilon=1.0, temperature=100.0)))
    after, propensities = line.reranked(slate(), query(), 1, seed=0)
    assert sorted(after.items.tolist()) == [0, 1, 2]
    assert propensities == pytest.approx([1 / 3, 1, 1], abs=0.01)


def test_without_a_seed_nothing_is_explored():
    before = slate()
    line = pipeline(Rerank(exploration=Exploration(slots=3, epsilon=1.0)))
    assert line.reranked(before, query(), 3)[0] is before


def test_a_new_item_is_as_unlike_the_others_as_its_neighbours_are():
    overlay = Overlay(np.array([[0, 1]], np.int32), np.array([[0.5, 0.5]], np.float32))  # item 3: another of war
    after, _ = pipeline(DIVERSE).reranked(slate((0, 3, 2)), query(), 3, overlay)
    assert after.items.tolist() == [0, 2, 3]


def test_a_mixture_is_an_item_itself_or_its_neighbours():
    overlay = Overlay(np.array([[0, 2]], np.int32), np.array([[0.75, 0.25]], np.float32))
    assert overlay.mixture(np.array([1, 3, 2], np.int32), 3).toarray().tolist() == [
        [0, 1, 0],
        [0.75, 0, 0.25],
        [0, 0, 1],
    ]


def test_an_empty_list_stays_empty():
    everything = Rerank(diversity=0.5, exploration=Exploration(slots=1, epsilon=1.0))
    after, _ = pipeline(everything).reranked(slate(()), query(), 3, seed=0)
    assert len(after) == 0


# on a model


def test_a_model_can_be_measured_as_it_is_served():
    model = reranked(MODEL, DIVERSE, DATA.catalogue, CONTENT)
    (ranked,) = model.top([query()], 2, np.ones(3, bool), [NONE])
    assert ranked.items.tolist() == [0, 2]
    assert ranked.scores.tolist() == MODEL.top([query()], 2, np.ones(3, bool), [NONE])[0].scores.tolist()
    assert model.recipe == MODEL.recipe


def test_a_reranked_model_keeps_to_the_mask_and_shows_nothing_excluded():
    model = reranked(MODEL, DIVERSE, DATA.catalogue, CONTENT)
    allowed = np.array([True, True, False])
    assert model.top([query()], 3, allowed, [np.array([0], np.int32)])[0].items.tolist() == [1]


def test_a_model_is_itself_where_nothing_reorders():
    only_exploring = Rerank(exploration=Exploration(slots=2, epsilon=0.5))
    assert reranked(MODEL, only_exploring, DATA.catalogue, CONTENT) is MODEL


# u had c; a and b are of one kind, c and d of another
HAD = dataset(
    [("u", "c", -1.0)],
    items=[{"item_id": name, "genres": ["war" if name in "ab" else "love"]} for name in "abcd"],
)
FOUR = Told(scores=(3.0, 2.9, 0.0, 1.0))


def test_recipes_are_compared_by_the_lists_that_are_served():
    asked = holdout(HAD, {"u": ["b"]})
    window = Split("one", HAD, asked, HAD, asked)

    def hit(rerank):
        spec = RunSpec(models={"told": FOUR}, rerank=rerank, k=(2,), metric="hit@2")
        return Arena([window], spec).trial("told", FOUR).validation.mean("hit@2")

    assert hit(Rerank()) == 1.0  # a, b
    assert hit(DIVERSE) == 0.0  # a, d


# on its way to the service


def test_a_run_spec_says_how_lists_are_reranked():
    table = {"diversity": 0.2, "calibration": {"field": "language", "weight": 0.3}, "exploration": {"slots": 2}}
    spec = parse_spec({"models": {"popular": {}}, "rerank": table})
    assert spec.rerank == Rerank(
        diversity=0.2, calibration=Calibration(field="language", weight=0.3), exploration=Exploration(slots=2)
    )
    assert not parse_spec({"models": {"popular": {}}}).rerank.active


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"diversity": 1.5}, "rerank.diversity"),
        ({"calibration": {"field": "colour"}}, "rerank.calibration.field"),
        ({"exploration": {"temperature": 0.0}}, "rerank.exploration.temperature"),
        ({"exploration": {"epsilon": float("nan")}}, "rerank.exploration.epsilon"),
        ({"variety": 0.5}, "rerank.variety"),
    ],
)
def test_a_run_spec_that_cannot_be_is_refused_by_name(table, named):
    with pytest.raises(ConfigError, match=named):
        parse_spec({"models": {"popular": {}}, "rerank": table})


def test_a_bundle_keeps_how_its_lists_are_reranked(tmp_path):
    asked = Rerank(diversity=0.4, exploration=Exploration(slots=1, epsilon=0.1))
    make_bundle(tmp_path / "b", recipes=[{"recipe": "popular"}], rerank=asked)
    assert load_bundle(tmp_path / "b").pipeline.rerank == asked
    assert json.loads((tmp_path / "b" / MANIFEST).read_text())["rerank"]["diversity"] == 0.4
    assert spec_of_bundle(tmp_path / "b", "fast", []).rerank == asked  # and is evaluated so


def test_a_bundle_that_says_nothing_of_reranking_does_none(tmp_path):
    make_bundle(tmp_path / "b", recipes=[{"recipe": "popular"}])
    file = tmp_path / "b" / MANIFEST
    values = json.loads(file.read_text())
    del values["rerank"]
    file.write_text(json.dumps(values))
    assert load_bundle(tmp_path / "b").pipeline.rerank == Rerank()


# the curve


def test_the_curve_shows_what_a_weight_costs_and_brings():
    asked = holdout(HAD, {"u": ["a"]})
    model = FOUR.fit(HAD, FitContext())
    points = tradeoff(model, asked, HAD, ContentSpace.fit(HAD.catalogue), k=2, values=(0.0, 0.8))
    plain, diverse, also_plain, calibrated = points
    # a, b: both of war, the history of love
    assert (plain.weight, plain.value, plain.ndcg, plain.coverage) == ("diversity", 0.0, 1.0, 0.5)
    assert plain.diversity == pytest.approx(0.0)
    assert plain.miscalibration == pytest.approx(np.log(100))  # all of the target's share is smoothing
    assert also_plain == plain._replace(weight="calibration")
    # a, d
    assert diverse.diversity == pytest.approx(1.0)
    assert diverse.ndcg == 1.0
    assert diverse.miscalibration == pytest.approx(np.log(1 / 0.505))
    # d, a
    assert calibrated.weight == "calibration"
    assert calibrated.ndcg == pytest.approx(1 / np.log2(3))
    assert calibrated.miscalibration == pytest.approx(np.log(1 / 0.505))


def test_a_curve_over_a_part_of_the_queries_is_the_same_each_time():
    data = dataset([(f"u{n}", "a", -1.0) for n in range(9)], items=["a", "b", "c"])
    model = Told(scores=(3.0, 2.0, 1.0)).fit(data, FitContext())
    asked = holdout(data, {f"u{n}": ["b" if n % 2 else "c"] for n in range(9)})
    parts = [asked.drawn(4, np.random.default_rng(0)) for _ in range(2)]
    first, again = [tradeoff(model, part, data, None, k=1, values=(0.0,))[0] for part in parts]
    assert first.ndcg == again.ndcg
    assert first.coverage == pytest.approx(1 / 3)


def test_a_pipeline_with_another_rerank_is_another_stage():
    line = pipeline(DIVERSE)
    assert line.reranker.spec == DIVERSE
    assert replace(line, rerank=Rerank(diversity=0.1)).reranker.spec.diversity == 0.1
