import numpy as np
import pytest
import scipy.sparse as sp

from recsys.errors import FitError
from recsys.models.content_ridge import ContentRidge, ContentRidgeModel
from recsys.models.content_ridge.closed import Relations, taste
from recsys.models.content_ridge.model import Taste
from recsys.models.recipe import FitContext
from recsys.types import query
from support.data import checkerboard, dataset

FIXED = ContentRidge(reg=10.0, content_reg=1.0, own=0.0, everyone=0.0, popularity=0.0)


def fit(recipe, data, **context):
    return recipe.fit(data, FitContext(threads=1, **context))


def by_hand(everyone=(0.0, 0.0)):
    """Items 0 and 1 are known; item 2 has both features and no event, item 3 has nothing."""
    features = sp.csr_matrix(np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.float32))
    matrix = np.array([[1, 2], [3, 4]], np.float32)
    known = np.array([True, True, False, False])
    return ContentRidgeModel(FIXED, Taste(matrix, np.array(everyone, np.float32), False), features, known)


def test_a_score_is_the_summed_taste_of_the_history_over_the_features_of_the_item():
    asked = query(np.array([0, 1]), weights=np.array([1.0, 2.0]))  # a taste of (1 + 6, 2 + 8)
    assert by_hand().score([asked], np.arange(4, dtype=np.int32)).tolist() == [[7, 10, 17, -np.inf]]


def test_without_a_known_item_in_the_history_it_abstains():
    assert by_hand().score([query(), query(np.array([2]))], np.array([0], np.int32)).tolist() == [[-np.inf]] * 2


def test_what_everyone_likes_is_in_every_query_and_speaks_for_someone_without_a_history():
    model = by_hand(everyone=(1.0, 5.0))
    scores = model.score([query(), query(np.array([0]))], np.array([0, 1, 2], np.int32))
    assert scores.tolist() == [[1, 5, 6], [2, 7, 9]]


def relations(weights, count=(4.0, 4.0)):
    events = sp.csr_matrix(np.ones((8, 2), np.float32))
    return Relations(events, np.array(weights, np.float32), np.array(count, np.float32), 1.0)


def test_the_ridge_in_either_form_is_the_same():
    # features of one column, 1 and 1: (FᵀF + 2)⁻¹ = 1/4, so that a row of weights (0, 6) says 6/4
    recipe = FIXED.model_copy(update={"content_reg": 2.0})
    known = relations([[0, 6], [2, 0]])
    narrow = taste(recipe, known, sp.csr_matrix(np.array([[1], [1]], np.float32)))
    wide = taste(recipe, known, sp.csr_matrix(np.array([[1, 0, 0], [1, 0, 0]], np.float32)))
    assert (narrow.through, wide.through) == (False, True)
    assert narrow.matrix == pytest.approx(np.array([[1.5], [0.5]]))
    assert (wide.matrix @ np.ones((2, 1))) == pytest.approx(np.array([[1.5], [0.5]]))


@pytest.mark.parametrize("width", [1, 3], ids=["narrow", "wide"])
def test_popularity_divides_what_is_explained_by_the_scored_items_size(width):
    # item 1 has 16 users: its weight counts a quarter at the power ½; 6 / 4 / 4
    recipe = FIXED.model_copy(update={"content_reg": 2.0, "popularity": 0.5})
    features = sp.csr_matrix(np.eye(1, width, dtype=np.float32).repeat(2, axis=0))
    found = taste(recipe, relations([[0, 6], [2, 0]], count=(1.0, 16.0)), features)
    said = found.matrix.sum(axis=1) if found.through else found.matrix[:, 0]
    assert said == pytest.approx([6 / 4 / 4, 2 / 4 / 1])


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
    chosen = (model.recipe.reg, model.recipe.content_reg, model.recipe.own, model.recipe.everyone)
    assert None not in chosen
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
