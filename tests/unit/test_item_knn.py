import numpy as np
import pytest

from recsys.models import item_knn
from recsys.models.holdout import holdout_ndcg
from recsys.models.item_knn import ItemKNN, nearest
from recsys.models.recipe import FitContext, load_model
from recsys.types import query
from support.data import checkerboard, dataset, holdout

PARTS = ("indptr", "columns", "values")
COSINE = {"similarity": "cosine", "shrinkage": 0.0, "neighbours": 10}


def fit(data, asked=None, **fields):
    return ItemKNN(**{**COSINE, **fields}).fit(data, FitContext(holdout=asked, threads=1))


def chain():
    """a is had by u and v, b by u, v and w, c by w alone: cosines are 2/sqrt(6) and 1/sqrt(3), a and c share nobody."""
    return dataset([(u, i, 0.0) for u, i in ("ua", "ub", "va", "vb", "wb", "wc")])


def test_a_similarity_is_the_cosine_of_the_items_users():
    scores = fit(chain()).score([query(np.array([1]))], np.array([0, 2]))
    assert scores[0] == pytest.approx([2 / 6**0.5, 1 / 3**0.5])


def test_shrinkage_is_added_below_the_line():
    scores = fit(chain(), shrinkage=2.0).score([query(np.array([1]))], np.array([0]))
    assert scores[0] == pytest.approx([2 / (6**0.5 + 2)])


def test_only_the_nearest_neighbours_are_kept():
    scores = fit(chain(), neighbours=1).score([query(np.array([1]))], np.array([0, 2]))
    assert scores[0, 0] > 0
    assert scores[0, 1] == -np.inf


def test_an_item_is_no_neighbour_of_its_own():
    assert fit(chain()).score([query(np.array([0]))], np.array([0])).tolist() == [[-np.inf]]


def test_bm25_weighs_small_items_and_rare_users():
    # sizes 2, 3, 1 of a mean of 2; every user had two of three items: rarity log(1 + 3/2) each
    rarity = np.log1p(1.5)
    a, b = (2.2 / (1.2 * (0.25 + 0.75 * size / 2) + 1.0) for size in (2, 3))
    scores = fit(chain(), similarity="bm25").score([query(np.array([1]))], np.array([0]))
    assert scores[0] == pytest.approx([2 * rarity**2 * a * b])


def test_rows_of_a_history_are_summed_by_decayed_weight():
    # c one event back counts half: of b's two rows in a and c only b's place in each is asked
    scores = fit(chain(), half_life_events=1.0).score([query(np.array([2, 0]))], np.array([1]))
    assert scores[0] == pytest.approx([0.5 / 3**0.5 + 2 / 6**0.5])


def test_a_repeat_counts_twice():
    model = fit(chain())
    twice, heavy = query(np.array([1, 1])), query(np.array([1]), weights=np.array([2.0]))
    assert np.array_equal(model.score([twice], np.arange(3)), model.score([heavy], np.arange(3)))


def test_what_no_item_of_the_history_is_near_to_is_abstained_from():
    model = fit(chain())
    (found,) = model.top([query(np.array([0]))], 3, np.ones(3, np.bool_), [np.zeros(0, np.int32)])
    assert found.items.tolist() == [1]


def test_an_event_that_comes_again_teaches_once():
    data = dataset([("u", "a", 0.0)] * 3 + [("u", "b", 0.0)])
    assert fit(data).score([query(np.array([0]))], np.array([1])).tolist() == [[1.0]]


def test_blocks_of_rows_give_the_same_neighbours(monkeypatch):
    events = checkerboard().matrix()
    whole = nearest(events, ItemKNN(**COSINE))
    monkeypatch.setattr(item_knn, "_ENTRIES", 5 * 24)
    parts = nearest(events, ItemKNN(**COSINE))
    assert np.array_equal(whole.columns, parts.columns)
    assert np.array_equal(whole.values, parts.values)


@pytest.mark.parametrize("similarity", ["cosine", "bm25"])
def test_fewer_neighbours_are_the_first_of_many(similarity):
    events = checkerboard().matrix()
    few, many = (nearest(events, ItemKNN(**{**COSINE, "similarity": similarity, "neighbours": n})) for n in (3, 9))
    cut = item_knn._cut(many, 3)
    assert [getattr(cut, part).tolist() for part in PARTS] == [getattr(few, part).tolist() for part in PARTS]


def test_neighbours_for_several_shrinkages_are_those_of_each_alone():
    events = checkerboard().matrix()
    for shrinkage, found in zip((0.0, 5.0), item_knn._nearest(events, ItemKNN(**COSINE), (0.0, 5.0)), strict=True):
        alone = nearest(events, ItemKNN(**{**COSINE, "shrinkage": shrinkage}))
        assert [getattr(found, part).tolist() for part in PARTS] == [getattr(alone, part).tolist() for part in PARTS]


def test_settings_are_judged_by_the_lists_that_the_model_would_give():
    rows = [(f"u{u:02}", f"i{(u + k * k) % 24:02}", float(k) - 4.0) for u in range(24) for k in range(5)]
    data = dataset(rows)
    asked = holdout(data, {user: [f"i{(int(user[1:]) + 5) % 24:02}"] for user in data.users.ids[::2]})
    model = fit(data, half_life_events=2.0)
    expected = holdout_ndcg(model, asked, np.ones(data.n_items, np.bool_))
    assert 0 < expected < 1
    assert item_knn._Judge(model.known, asked).quality(model.rows, model.decay) == pytest.approx(expected)


def test_open_fields_take_the_stated_default_without_a_holdout():
    chosen = ItemKNN().fit(checkerboard(), FitContext(threads=1)).recipe
    assert (chosen.similarity, chosen.neighbours, chosen.shrinkage) == ("cosine", 100, 10.0)


def test_the_half_life_is_chosen_on_the_holdout_where_only_the_last_item_tells():
    rows = [(f"u{u:02}", f"i{(u + k) % 24:02}", float(k) - 4.0) for u in range(24) for k in range(5)]
    data = dataset(rows)
    asked = holdout(data, {user: [f"i{(int(user[1:]) + 5) % 24:02}"] for user in data.users.ids})
    assert fit(data, asked).recipe.half_life_events < 1e6
    assert fit(data, asked, half_life_events=7.0).recipe.half_life_events == 7.0


def test_the_matrix_is_saved_in_sparse_parts(tmp_path):
    fit(chain()).save(tmp_path)
    assert not load_model(tmp_path).rows.values.flags.writeable  # a file, not a copy
    names = ["columns.npy", "indptr.npy", "known.npy", "recipe.json", "values.npy"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
