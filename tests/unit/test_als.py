import numpy as np
import pytest
import scipy.sparse as sp

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset, Holdout
from recsys.dataset.ids import IdMap
from recsys.models.als import ALS, noise_edge
from recsys.models.recipe import FitContext, load_model
from recsys.types import query

NOTHING = np.zeros(0, np.int32)


def dataset(rows, n_items, *, liked=None):
    """A dataset of (user, item) rows by number, sorted by user."""
    user, item = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    return Dataset(
        users=IdMap([str(u) for u in range(user.max() + 1)]),
        catalogue=Catalogue.bare([str(i) for i in range(n_items)]),
        user=user,
        item=item,
        time=np.full(len(user), np.nan),
        weight=np.ones(len(user), np.float32),
        positive=np.ones(len(user), np.bool_) if liked is None else np.array(liked),
    )


def checkerboard(side=20):
    """Users like the items of their own parity, all but one."""
    return dataset([(u, i) for u in range(side) for i in range(side) if (u + i) % 2 == 0 and u != i], side)


def fit(data, holdout=None, **fields):
    return ALS(**{"factors": 4, "alpha": 4.0, "reg": 0.1, **fields}).fit(data, FitContext(holdout=holdout, threads=1))


def test_the_item_left_out_of_a_checkerboard_comes_first():
    data = checkerboard()
    model = fit(data)
    lists = model.top([data.query(u) for u in range(20)], 1, np.ones(20, np.bool_), [data.seen(u) for u in range(20)])
    assert [found.items.tolist() for found in lists] == [[u] for u in range(20)]


def test_the_fold_in_is_that_of_implicit():
    from implicit.cpu.als import AlternatingLeastSquares

    data = dataset([(0, 0), (0, 1), (0, 1), (1, 1), (1, 2), (2, 0), (2, 3), (3, 3), (3, 2)], 4)
    model = fit(data, factors=3)
    trainer = AlternatingLeastSquares(factors=3, regularization=0.1, alpha=4.0, num_threads=1)
    trainer.item_factors = np.array(model.factors)
    expected = trainer.recalculate_user(np.arange(4), data.matrix())
    assert np.abs(expected).max() > 0.1
    assert np.allclose(model.vectors([data.query(u) for u in range(4)])[0], expected, atol=1e-4)


def test_weights_of_a_history_are_confidences():
    model = fit(checkerboard())
    twice = query(np.array([2, 4, 2]))
    heavy = query(np.array([2, 4]), weights=np.array([2.0, 1.0]))
    assert np.allclose(model.vectors([twice])[0], model.vectors([heavy])[0], atol=1e-6)


def test_an_empty_history_is_abstained_from():
    model = fit(checkerboard())
    (found,) = model.top([query()], 3, np.ones(20, np.bool_), [NOTHING])
    assert len(found) == 0
    assert (model.score([query()], np.arange(20)) == -np.inf).all()


def test_an_item_without_events_is_abstained_from():
    model = fit(dataset([(0, 0), (0, 1), (1, 1), (1, 0)], 3))
    one = query(np.array([0]))
    assert model.score([one], np.array([2])).tolist() == [[-np.inf]]
    assert 2 not in model.top([one], 3, np.ones(3, np.bool_), [NOTHING])[0].items


def test_a_history_of_items_without_events_is_abstained_from():
    model = fit(dataset([(0, 0), (0, 1), (1, 1), (1, 0)], 3))
    assert model.score([query(np.array([2]))], np.array([0])).tolist() == [[-np.inf]]


def test_items_beyond_the_catalogue_do_not_count():
    model = fit(checkerboard())
    known, more = query(np.array([2, 4])), query(np.array([2, 4, 99]))
    assert np.array_equal(model.vectors([known])[0], model.vectors([more])[0])


def test_a_list_is_the_same_alone_and_in_a_batch():
    data = checkerboard()
    model, queries = fit(data), [data.query(u) for u in range(20)]
    batch = model.top(queries, 5, np.ones(20, np.bool_), [NOTHING] * 20)
    alone = model.top(queries[7:8], 5, np.ones(20, np.bool_), [NOTHING])
    assert np.array_equal(batch[7].scores, alone[0].scores)


def test_scores_are_those_of_the_list():
    data = checkerboard()
    model, one = fit(data), data.query(3)
    (found,) = model.top([one], 5, np.ones(20, np.bool_), [NOTHING])
    assert np.array_equal(model.score([one], found.items)[0], found.scores)


def test_only_positive_events_teach_by_default():
    data = dataset([(0, 0), (0, 1), (1, 0), (1, 2)], 3, liked=[True, True, True, False])
    assert fit(data).known.tolist() == [True, True, False]
    assert fit(data, positives_only=False).known.tolist() == [True, True, True]


@pytest.mark.parametrize("rows", [[(0, 0)], [(0, 0), (0, 0), (0, 0)], [(u, 0) for u in range(5)]])
def test_a_degenerate_log_gives_finite_factors(rows):
    model = fit(dataset(rows, 1), factors=8)
    assert np.isfinite(model.factors).all()
    assert not np.isnan(model.score([query(np.array([0])), query()], np.array([0]))).any()


def test_a_log_without_positives_leaves_a_model_that_abstains():
    model = fit(dataset([(0, 0), (1, 1)], 2, liked=[False, False]))
    assert model.top([query(np.array([0]))], 2, np.ones(2, np.bool_), [NOTHING])[0].items.tolist() == []


def test_the_same_seed_gives_the_same_factors():
    assert np.array_equal(fit(checkerboard()).factors, fit(checkerboard()).factors)


def test_the_noise_edge_is_the_sum_of_the_roots_of_mean_energies():
    events = sp.csr_matrix(np.array([[2.0, 0.0, 0.0], [2.0, 1.0, 0.0]], np.float32))
    assert noise_edge(events) == pytest.approx(4.5**0.5 + 4.5**0.5)


def test_open_fields_take_the_stated_default_without_a_holdout():
    data = checkerboard()
    recipe = fit(data, alpha=None, reg=None).recipe
    assert recipe.alpha == 4.0
    assert recipe.reg == pytest.approx(0.7 * 4.0 * noise_edge(data.matrix()))


def test_open_fields_are_chosen_on_the_holdout_and_kept_in_the_recipe():
    data = checkerboard()
    users = np.arange(20, dtype=np.int32)
    queries, truth = [data.query(u) for u in users], [np.array([u], np.int32) for u in users]
    asked = Holdout(users, queries, truth, [data.seen(u) for u in users], np.ones(20, np.bool_))
    chosen = fit(data, holdout=asked, alpha=None, reg=None)
    again = chosen.recipe.fit(data, FitContext(threads=1))
    assert chosen.recipe.alpha is not None
    assert np.array_equal(again.factors, chosen.factors)


def test_a_field_that_is_given_is_never_changed():
    fitted = fit(checkerboard(), alpha=2.0, reg=None).recipe
    assert fitted.alpha == 2.0


def test_the_loss_of_every_epoch_is_reported():
    seen = []
    ALS(factors=4, epochs=3).fit(checkerboard(), FitContext(threads=1, report=lambda step, m: seen.append((step, m))))
    assert [step for step, _ in seen] == [0, 1, 2]
    assert seen[2][1]["loss"] <= seen[0][1]["loss"]


def test_a_saved_model_is_mapped_and_gives_the_same_list(tmp_path):
    data = checkerboard()
    model = fit(data)
    model.save(tmp_path)
    loaded = load_model(tmp_path)
    asked = ([data.query(0)], 5, np.ones(20, np.bool_), [NOTHING])
    assert np.array_equal(loaded.top(*asked)[0].scores, model.top(*asked)[0].scores)
    assert loaded.recipe == model.recipe
    assert sorted(path.name for path in tmp_path.iterdir()) == ["factors.npy", "gram.npy", "known.npy", "recipe.json"]
