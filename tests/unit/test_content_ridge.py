import numpy as np
import pytest
import scipy.sparse as sp

from recsys.errors import FitError
from recsys.models.content_ridge import ContentRidge, ContentRidgeModel
from recsys.models.content_ridge.choice import SHARES, START, Trials
from recsys.models.content_ridge.closed import Relations, taste
from recsys.models.content_ridge.likeness import described, likeness
from recsys.models.content_ridge.model import Taste
from recsys.models.recipe import FitContext
from recsys.types import query
from support.data import checkerboard, dataset

FIXED = ContentRidge(reg=10.0, content_reg=1.0, pairs=0.0, own=0.0, everyone=0.0, popularity=0.0)
BOTH = np.array([True, True])


def fit(recipe, data, **context):
    return recipe.fit(data, FitContext(threads=1, **context))


def by_hand(everyone=(0.0, 0.0, 0.0, 0.0)):
    """Items 0 and 1 are known; item 2 has content and no event, item 3 has nothing."""
    matrix = np.array([[1, 2, 3, 0], [3, 4, 7, 0]], np.float32)
    known, described = np.array([True, True, False, False]), np.array([True, True, True, False])
    return ContentRidgeModel(FIXED, Taste(matrix, np.array(everyone, np.float32)), known, described)


def test_a_score_is_the_sum_of_what_the_history_says_of_the_item():
    asked = query(np.array([0, 1]), weights=np.array([1.0, 2.0]))
    assert by_hand().score([asked], np.arange(4, dtype=np.int32)).tolist() == [[7, 10, 17, -np.inf]]


def test_without_a_known_item_in_the_history_it_abstains():
    assert by_hand().score([query(), query(np.array([2]))], np.array([0], np.int32)).tolist() == [[-np.inf]] * 2


def test_what_everyone_likes_is_in_every_query_and_speaks_for_someone_without_a_history():
    model = by_hand(everyone=(1.0, 5.0, 6.0, 0.0))
    scores = model.score([query(), query(np.array([0]))], np.array([0, 1, 2], np.int32))
    assert scores.tolist() == [[1, 5, 6], [2, 7, 9]]


def relations(weights, count=(4.0, 4.0)):
    events = sp.csr_matrix(np.ones((8, 2), np.float32))
    return Relations(events, np.array(weights, np.float32), np.array(count, np.float32), 1.0)


def test_weights_are_regressed_on_how_like_the_items_are():
    # all items are the same: (1 + 2 on the diagonal)⁻¹ 1 = 1/4 each, so that a row of weights (0, 6) says 6/4 of any
    rows = sp.csr_matrix(np.ones((3, 1), np.float32))
    found = taste(FIXED.model_copy(update={"content_reg": 2.0}), relations([[0, 6], [2, 0]]), rows, np.arange(3) < 2)
    assert found.matrix == pytest.approx(np.array([[1.5] * 3, [0.5] * 3]))


def test_popularity_divides_what_is_explained_by_the_scored_items_size():
    # item 1 has 16 users: its weight counts a quarter at the power ½; 6 / 4 / 4
    recipe = FIXED.model_copy(update={"content_reg": 2.0, "popularity": 0.5})
    rows = sp.csr_matrix(np.ones((2, 1), np.float32))
    found = taste(recipe, relations([[0, 6], [2, 0]], count=(1.0, 16.0)), rows, BOTH)
    assert found.matrix[:, 0] == pytest.approx([6 / 4 / 4, 2 / 4 / 1])


def test_an_item_speaks_for_its_own_content_by_own_and_the_mean_history_by_everyone():
    recipe = FIXED.model_copy(update={"own": 0.5, "everyone": 2.0})
    rows = sp.csr_matrix(np.eye(2, dtype=np.float32))  # nothing alike: (1 + 1)⁻¹ of itself
    found = taste(recipe, relations([[0, 6], [2, 0]]), rows, BOTH)
    assert found.matrix == pytest.approx(np.array([[0.25, 3.0], [1.0, 0.25]]))
    assert found.everyone == pytest.approx([2 * 0.5 * 1.25, 2 * 0.5 * 3.25])  # each item was had by half of the users


def test_content_is_alike_by_the_shares_of_its_faces():
    same, other = sp.csr_matrix(np.ones((2, 1), np.float32)), sp.csr_matrix(np.eye(2, dtype=np.float32))
    rows = described({"genres": same, "word": other, "years": other}, {"genres": 1.0, "word": 3.0})
    assert likeness(rows, rows, 0.0) == pytest.approx(np.array([[1, 0.25], [0.25, 1]]))


def test_pairs_count_what_two_items_share_at_once():
    rows = sp.csr_matrix(np.array([[1, 0], [0.5, np.sqrt(0.75)]], np.float32))
    assert likeness(rows, rows, 2.0) == pytest.approx(np.array([[1, (0.5 + 2 * 0.25) / 3], [1 / 3, 1]]))


def test_sparse_and_dense_columns_are_multiplied_alike():
    rows = sp.random(60, 30, 0.3, "csr", np.float32, np.random.default_rng(0))
    assert likeness(rows, rows, 0.0) == pytest.approx((rows @ rows.T).toarray(), abs=1e-6)


def test_one_inverse_gives_what_a_fit_without_the_items_set_aside_would_score():
    rng = np.random.default_rng(0)
    events = sp.random(40, 20, 0.4, "csr", np.float32, rng)
    events.data[:] = 1
    weights, rows = rng.normal(size=(20, 20)).astype(np.float32), sp.csr_matrix(rng.normal(size=(20, 5)), dtype="f4")
    count = np.asarray(events.sum(axis=0), np.float32).ravel()
    recipe = ContentRidge(content_reg=0.5, pairs=0.0, own=0.3, everyone=2.0, popularity=0.25, shares=(("x", 1.0),))
    trials = Trials.of(Relations(events, weights, count, 1.0), {"x": rows}, rng)
    fold = trials.folds[0]
    kept = np.isin(np.arange(20), fold.rest)
    square = np.ix_(fold.rest, fold.rest)
    alone = Relations(events[:, fold.rest], weights[square], count[fold.rest], 1.0)
    fitted = taste(recipe, alone, described({"x": rows}, {"x": 1.0}), kept)
    expected = fold.had[:-1] @ fitted.matrix[:, fold.aside] + fitted.everyone[fold.aside]
    found = trials.scores(recipe, fold, [{"own": 0.3, "everyone": 2.0, "popularity": 0.25}])
    assert next(iter(found)) == pytest.approx(expected, abs=1e-4)


def test_every_item_is_set_aside_once():
    events = sp.csr_matrix(np.ones((6, 10), np.float32))
    known = Relations(events, np.zeros((10, 10), np.float32), np.full(10, 6, np.float32), 1.0)
    folds = Trials.of(known, {"x": sp.csr_matrix(np.eye(10, dtype=np.float32))}, np.random.default_rng(0)).folds
    assert sorted(np.concatenate([fold.aside for fold in folds]).tolist()) == list(range(10))
    assert not any(np.isin(fold.aside, fold.rest).any() for fold in folds)


def test_when_time_is_up_the_shares_stay_what_they_begin_with():
    late = fit(ContentRidge(), checkerboard(), until=0.0).recipe
    assert dict(late.shares) == {name: SHARES.get(name, 1.0) for name, _ in late.shares}
    assert (late.content_reg, late.pairs) == (START["content_reg"], START["pairs"])


def test_a_face_that_says_nothing_of_taste_loses_its_share():
    noise = [{"authors": [f"a {at * 7 % 12}"]} for at in range(24)]
    data = checkerboard()
    items = [{**data.catalogue.record(at), **noise[at]} for at in range(24)]
    events = [(data.users[u], data.catalogue.ids[i], 0.0) for u, i in zip(data.user, data.item, strict=True)]
    shares = dict(fit(ContentRidge(), dataset(events, items=items)).recipe.shares)
    assert shares["genres"] > shares["authors"]


def test_an_item_without_events_is_ranked_by_what_its_content_was_liked_with():
    data = checkerboard()
    items = [*(data.catalogue.record(at) for at in range(24)), *({"item_id": f"x-{c}", "genres": [c]} for c in PAIR)]
    events = [(data.users[u], data.catalogue.ids[i], 0.0) for u, i in zip(data.user, data.item, strict=True)]
    wider = dataset(events, items=items)
    scores = fit(FIXED, wider).score([wider.query(0), wider.query(1)], wider.catalogue.ids.dense(["x-even", "x-odd"]))
    assert scores[0, 0] > scores[0, 1]
    assert scores[1, 1] > scores[1, 0]


PAIR = ("even", "odd")


def test_what_is_left_open_is_chosen_once_and_stays_for_a_refit():
    data = checkerboard()
    model = fit(ContentRidge(), data)
    assert None not in model.recipe.model_dump().values()
    again = fit(model.recipe, data)
    assert again.taste.matrix.tobytes() == model.taste.matrix.tobytes()


def test_what_is_given_is_kept():
    assert fit(ContentRidge(own=0.7), checkerboard()).recipe.own == 0.7


def test_without_any_content_there_is_nothing_to_learn():
    with pytest.raises(FitError, match="no liked item with content"):
        fit(FIXED, dataset([("u", "a", 0.0)]))


def test_too_many_items_for_the_memory_allowed_are_refused():
    with pytest.raises(FitError, match="memory_gb"):
        fit(FIXED.model_copy(update={"memory_gb": 1e-9}), checkerboard())
