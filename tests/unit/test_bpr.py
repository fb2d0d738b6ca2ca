import numpy as np
import pytest

from recsys.models.bpr import BPR, FOLD_IN_REGS, REGS, Arrays, BPRModel
from recsys.models.recipe import FitContext, load_model
from recsys.types import query
from support.data import checkerboard, dataset, holdout

NOTHING = np.zeros(0, np.int32)
# two items along the axes and one that training never saw
ARRAYS = Arrays(
    factors=np.array([[2, 0], [0, 1], [0, 0]], np.float32),
    bias=np.array([0.5, -0.5, 0], np.float32),
    known=np.array([True, True, False]),
    square=np.diag([2.0, 0.5]),
    spread=np.diag([4.0, 1.0]),
)
MODEL = BPRModel(BPR(factors=2, reg=0.01, fold_in_reg=0.5), ARRAYS)
ALL = np.arange(3, dtype=np.int32)


def fit(data, ctx=None, **fields):
    return BPR(**{"factors": 8, "epochs": 30, "reg": 0.01, "fold_in_reg": 0.1, **fields}).fit(
        data, ctx or FitContext(threads=2)
    )


def test_a_history_is_folded_in_by_ridge_and_as_long_as_those_of_training():
    vectors, answers = MODEL.vectors([query(np.array([0, 1]))])
    # left diag(2 + 1, .5 + 1) as means plus ridge .5 * 2, right (1, .5): (1/3, 1/3), of spread 4/9 + 1/9
    assert vectors[0] == pytest.approx(np.array([1, 1]) / 5**0.5)
    assert answers.tolist() == [True]


def test_weights_of_a_history_count():
    heavy = query(np.array([0, 1]), weights=np.array([3.0, 1.0]))
    # means (3 * 4 / 4, 1 / 4) plus 1, right (6 / 4, 1 / 4): (3 / 8, 1 / 5)
    expected = np.array([3 / 8, 1 / 5])
    assert MODEL.vectors([heavy])[0][0] == pytest.approx(expected / np.sqrt(4 * (3 / 8) ** 2 + 1 / 25))


def test_a_score_is_the_inner_product_plus_the_items_bias():
    assert MODEL.score([query(np.array([0]))], ALL)[0].tolist() == [1.5, -0.5, -np.inf]


def test_what_training_never_saw_is_abstained_from():
    for unknown in (query(), query(np.array([2])), query(np.array([99]))):
        assert MODEL.score([unknown], ALL)[0].tolist() == [-np.inf] * 3
        assert len(MODEL.top([unknown], 3, np.ones(3, np.bool_), [NOTHING])[0]) == 0
    both = query(np.array([0, 2, 99]))
    assert MODEL.score([both], ALL).tolist() == MODEL.score([query(np.array([0]))], ALL).tolist()


def test_the_same_seed_gives_the_same_factors_whatever_the_threads():
    data = checkerboard()
    one, two = (fit(data, FitContext(seed=3, threads=threads)).arrays for threads in (1, 2))
    other = fit(data, FitContext(seed=4)).arrays
    assert np.array_equal(one.factors, two.factors)
    assert np.array_equal(one.bias, two.bias)
    assert not np.array_equal(one.factors, other.factors)


def test_a_trained_item_bias_is_apart_from_the_factors():
    data = dataset([(f"u{u}", "hit", 0.0) for u in range(30)] + [(f"u{u}", f"i{u}", 0.0) for u in range(30)])
    arrays = fit(data).arrays
    assert arrays.factors.shape == (31, 8)
    assert arrays.bias.argmax() == data.catalogue.ids.get("hit")


def test_the_spread_is_one_where_a_vector_is_as_long_as_a_users():
    arrays = fit(checkerboard()).arrays
    centred = arrays.factors - arrays.factors.mean(axis=0)
    vectors, _ = BPRModel(BPR(reg=0.01, fold_in_reg=0.1), arrays).vectors([query(np.array([0])), query(np.array([1]))])
    deviation = (centred @ vectors.T).std(axis=0)
    assert deviation[0] == pytest.approx(deviation[1], rel=1e-4)
    assert vectors[0] @ arrays.spread @ vectors[0] == pytest.approx(1.0, rel=1e-4)


def test_only_positive_events_teach_by_default():
    data = dataset([("u", "a", 0.0), ("u", "b", 0.0), ("v", "c", 0.0, 1.0, False)])
    assert fit(data).arrays.known.tolist() == [True, True, False]
    assert fit(data, positives_only=False).arrays.known.tolist() == [True, True, True]


def test_open_fields_take_the_default_or_are_chosen_on_the_holdout():
    data = checkerboard()
    default = fit(data, reg=None, fold_in_reg=None).recipe
    assert (default.reg, default.fold_in_reg) == (REGS[0], FOLD_IN_REGS[0])
    asked = holdout(data, {"u00": ["i00"], "u01": ["i09"]})
    chosen = fit(data, FitContext(holdout=asked, threads=1), reg=None, fold_in_reg=None).recipe
    assert chosen.reg in REGS
    assert chosen.fold_in_reg in FOLD_IN_REGS
    assert fit(data, FitContext(holdout=asked), reg=0.5).recipe.reg == 0.5


def test_a_saved_model_holds_items_only(tmp_path):
    MODEL.save(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"factors.npy", "bias.npy", "known.npy", "square.npy", "spread.npy", "recipe.json"}
    asked = [query(np.array([0, 1]))]
    assert np.array_equal(load_model(tmp_path).score(asked, ALL), MODEL.score(asked, ALL))
