"""The recipe ials against a textbook solve of its objective in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset, Holdout
from recsys.dataset.ids import IdMap
from recsys.models.ials import IALS
from recsys.models.ials.choice import matrix
from recsys.models.ials.conjugate import stretches
from recsys.models.ials.groups import groups, padded
from recsys.models.ials.linear import solve
from recsys.models.ials.objective import Objective
from recsys.models.ials.training import Training
from recsys.models.recency import Decay
from recsys.models.recipe import FitContext, load_model
from recsys.types import query
from support.models import serves_without_torch

NOTHING = np.zeros(0, np.int32)
TOLD = {"factors": 6, "epochs": 3, "alpha": 2.0, "unobserved": 0.1, "reg": 0.05}


def dataset(rows, shape, weight=None):
    """Events (user, item), sorted by user, a day apart."""
    user, item = np.array(sorted(rows), np.int32).reshape(-1, 2).T
    return Dataset(
        users=IdMap([str(u) for u in range(shape[0])]),
        catalogue=Catalogue.bare([str(i) for i in range(shape[1])]),
        user=user,
        item=item,
        time=np.arange(len(user)) * 86_400.0,
        weight=np.ones(len(user), np.float32) if weight is None else np.asarray(weight, np.float32),
        positive=np.ones(len(user), np.bool_),
    )


def random_log(seed=0, users=60, items=50, share=0.3, *, weighted=False):
    """A log with a user of everything, an item that everyone had, and a user and an item without events."""
    rng = np.random.default_rng(seed)
    cells = rng.random((users, items)) < share * rng.random((users, 1)) * 2
    cells[3], cells[:, 5] = True, True
    cells[7], cells[:, 9] = False, False
    rows = list(zip(*np.nonzero(cells), strict=True))
    return dataset(rows, (users, items), rng.uniform(0.2, 3.0, len(rows)) if weighted else None)


def textbook(recipe, data):
    """Users, items and the objective after all epochs, by dense float64 solves from the same start."""
    confidence = recipe.alpha * matrix(recipe, data, recipe.decay).toarray().astype(np.float64)
    users, items = confidence.sum(axis=1), confidence.sum(axis=0)
    reg = [
        recipe.reg * (own + recipe.unobserved * (other > 0).sum()) ** recipe.nu
        for own, other in ((users, items), (items, users))
    ]
    y = Training(recipe, matrix(recipe, data, recipe.decay), FitContext(threads=1)).factors[1].astype(np.float64)

    def half(fixed, cells, ridge):
        rows = np.zeros((len(cells), recipe.factors))
        for at in np.flatnonzero(cells.sum(axis=1)):
            left = fixed.T @ (fixed * (cells[at] + recipe.unobserved)[:, None]) + ridge[at] * np.eye(recipe.factors)
            rows[at] = np.linalg.solve(left, cells[at] @ fixed)
        return rows

    for _ in range(recipe.epochs):
        x = half(y, confidence, reg[0])
        y = half(x, confidence.T, reg[1])
    scores = x @ y.T
    loss = (confidence * (scores - 1) ** 2).sum() + recipe.unobserved * (scores**2).sum()
    return x, y, loss + reg[0] @ (x**2).sum(axis=1) + reg[1] @ (y**2).sum(axis=1)


def fit(data, ctx=None, **fields):
    return IALS(**{**TOLD, **fields}).fit(data, ctx or FitContext(threads=1))


def losses(data, threads=1, **fields):
    seen = []
    fit(data, FitContext(threads=threads, report=lambda step, metrics: seen.append(metrics["loss"])), **fields)
    return seen


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("nu", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("factors", [6, 30, 100])
def test_the_exact_solver_reaches_the_objective_of_the_textbook(factors, nu, weighted):
    data = random_log(weighted=weighted)
    recipe = IALS(**{**TOLD, "factors": factors, "nu": nu, "solver": "exact"})
    _, items, loss = textbook(recipe, data)
    assert losses(data, **recipe.model_dump(exclude_none=True))[-1] == pytest.approx(loss, rel=1e-5)
    model = recipe.fit(data, FitContext(threads=1))
    assert np.allclose(model.factors @ model.factors.T, items @ items.T, atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_block_solver_comes_to_the_same_objective(weighted):
    data = random_log(users=120, items=90, weighted=weighted)
    told = {"factors": 40, "epochs": 12}
    exact = losses(data, **told, solver="exact")[-1]
    assert losses(data, **told, solver="block", block=16)[-1] == pytest.approx(exact, rel=0.01)
    assert losses(data, **told, solver="block", block=7)[-1] == pytest.approx(exact, rel=0.01)


def test_a_block_of_all_factors_is_the_exact_solver():
    data = random_log(users=120, items=90)
    exact = losses(data, factors=40, solver="exact")
    assert losses(data, factors=40, solver="block", block=40) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_conjugate_gradients_come_to_the_same_objective(weighted):
    data = random_log(users=120, items=90, weighted=weighted)
    told = {"factors": 40, "epochs": 12}
    exact = losses(data, **told, solver="exact")[-1]
    assert losses(data, **told, solver="conjugate", steps=2)[-1] == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("weighted", [False, True])
def test_as_many_steps_as_factors_are_the_exact_solver(weighted):
    data = random_log(users=120, items=90, weighted=weighted)
    exact = losses(data, factors=40, solver="exact")
    assert losses(data, factors=40, solver="conjugate", steps=40) == pytest.approx(exact, rel=1e-5)


def test_a_stretch_holds_whole_rows_and_every_cell_once(monkeypatch):
    monkeypatch.setattr("recsys.models.ials.conjugate.CELLS", 50)
    events = random_log().matrix()
    events.data = np.arange(events.nnz)
    found = stretches(events, torch.device("cpu"))
    assert len(found) > 5
    assert [at for stretch in found for at in range(60)[stretch.rows]] == list(range(60))
    assert torch.cat([stretch.cells for stretch in found]).tolist() == list(range(events.nnz))
    assert torch.cat([stretch.columns for stretch in found]).tolist() == events.indices.tolist()


def test_above_a_few_factors_conjugate_gradients_are_taken():
    assert IALS(factors=32).method == "exact"
    assert IALS(factors=33).method == "conjugate"
    assert IALS(factors=512, solver="exact").method == "exact"


@pytest.mark.parametrize("cells", [1, 11, 12, 13, 40])
def test_the_small_system_of_a_history_has_the_solution_of_the_large_one(cells):
    rng = np.random.default_rng(cells)
    objective, seen, confidence = Objective(0.2, 0.05, 1.0), rng.normal(size=(cells, 12)), rng.uniform(1, 3, cells)
    spectrum = rng.uniform(0.1, 9.0, 12)
    dual = objective.solve(spectrum, seen, confidence, 30)
    assert np.allclose(dual, objective.solve(np.diag(spectrum), seen, confidence, 30), atol=1e-12)


def test_a_row_is_that_of_its_normal_equation():
    # one factor: (0.5 * 4 + 0.1 * (2 + 0.5 * 3) + 2 * 3^2) x = 2 * 3
    found = Objective(0.5, 0.1, 1.0).solve(np.array([4.0]), np.array([[3.0]]), np.array([2.0]), 3)
    assert found.tolist() == pytest.approx([6 / 20.35])


@pytest.mark.parametrize("width", [11, 12, 13])
def test_rows_as_long_as_there_are_factors_are_solved_like_others(width):
    rows = [(u, (u + k) % 20) for u in range(20) for k in range(width)]
    recipe = IALS(**{**TOLD, "factors": 12, "solver": "exact"})
    _, _, loss = textbook(recipe, dataset(rows, (20, 20)))
    assert losses(dataset(rows, (20, 20)), factors=12, solver="exact")[-1] == pytest.approx(loss, rel=1e-5)


def test_a_row_longer_than_what_is_gathered_at_once_is_summed_in_parts(monkeypatch):
    data = random_log(weighted=True)
    whole = losses(data, solver="exact")
    monkeypatch.setattr("recsys.models.ials.solver.LONGEST", 10)
    assert losses(data, solver="exact") == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("fields", [{}, {"factors": 40, "solver": "block"}, {"factors": 40, "solver": "conjugate"}])
def test_the_fold_in_of_a_history_is_the_row_of_a_half_sweep(fields):
    data = random_log(weighted=True)
    model = fit(data, **fields)
    confidence = 2.0 * data.matrix().toarray().astype(np.float64)
    gram, factors = model.factors.T.astype(np.float64) @ model.factors, model.factors.astype(np.float64)
    for user in (0, 3, 11):
        ridge = 0.05 * (confidence[user].sum() + 0.1 * 49)
        left = 0.1 * gram + ridge * np.eye(len(gram)) + factors.T @ (factors * confidence[user][:, None])
        expected = np.linalg.solve(left, confidence[user] @ factors)
        assert np.allclose(model.vectors([data.query(user)])[0][0], expected, atol=1e-5)


def test_the_fold_in_of_an_item_is_the_row_of_a_half_sweep():
    data = random_log(weighted=True)
    model = fit(data, solver="exact")
    confidence = 2.0 * data.matrix().toarray().astype(np.float64)
    users = model.vectors([data.query(u) for u in range(60)])[0].astype(np.float64)
    for item in (0, 5, 20):
        ridge = 0.05 * (confidence[:, item].sum() + 0.1 * 59)
        left = 0.1 * users.T @ users + ridge * np.eye(6) + users.T @ (users * confidence[:, item][:, None])
        expected = np.linalg.solve(left, confidence[:, item] @ users)
        audience = np.flatnonzero(confidence[:, item])
        queries, weights = [data.query(u) for u in audience], confidence[audience, item] / 2.0
        found, answers = model.item_vectors([queries], [weights.astype(np.float32)])
        assert answers.tolist() == [True]
        assert np.allclose(found[0], expected, atol=1e-4)


def test_a_new_item_of_nobody_known_is_abstained_from():
    model = fit(random_log())
    found, answers = model.item_vectors([[], [query(), query(np.array([9]))]], [np.zeros(0), np.ones(2)])
    assert answers.tolist() == [False, False]
    assert not found.any()


def test_a_new_item_is_scored_highest_for_those_who_had_what_its_audience_had():
    board = [(u, i) for u in range(20) for i in range(20) if (u + i) % 2 == 0 and u != i]
    data = dataset(board, (20, 20))
    model = fit(data)
    even = [data.query(u) for u in (0, 4, 8)]
    vector = model.item_vectors([even], [np.ones(3)])[0][0]
    scores = model.vectors([data.query(u) for u in range(20)])[0] @ vector
    assert scores[::2].min() > scores[1::2].max()


def test_rows_without_events_stay_zero_and_abstain():
    data = random_log()
    model = fit(data)
    assert not model.known[9]
    assert not model.factors[9].any()
    assert model.counts.tolist() == [59, 49]
    assert model.score([query(np.array([9])), query()], np.array([0, 1])).tolist() == [[-np.inf] * 2] * 2
    assert model.score([query(np.array([0]))], np.array([9])).tolist() == [[-np.inf]]


def test_older_events_weigh_less_in_training_and_in_the_query():
    data = dataset([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)], (2, 3))
    recipe = IALS(**TOLD, half_life_events=1.0)
    assert matrix(recipe, data, recipe.decay).toarray().tolist() == [[0.25, 0.5, 1.0], [0.5, 1.0, 0.0]]
    model = fit(data, half_life_days=1.0)
    faded = query(np.array([0, 1, 2]), weights=np.array([0.25, 0.5, 1.0]))
    told = query(np.array([0, 1, 2]), np.array([0.0, 1.0, 2.0]) * 86_400)
    assert np.array_equal(model.vectors([told])[0], model.vectors([faded])[0])


@pytest.mark.parametrize("fields", [{"factors": 12}, {"factors": 40, "block": 8, "solver": "block"}, {"factors": 40}])
def test_the_number_of_threads_changes_nothing(fields, monkeypatch):
    monkeypatch.setattr("recsys.models.ials.training.ROOM", {"cpu": 512})  # many batches
    monkeypatch.setattr("recsys.models.ials.conjugate.CELLS", 200)
    data = random_log(users=120, items=90, weighted=True)
    one, three = (fit(data, FitContext(threads=threads), **fields) for threads in (1, 3))
    assert np.array_equal(one.factors, three.factors)
    assert np.array_equal(one.audience, three.audience)


def test_another_seed_gives_other_factors():
    data = random_log()
    one, other = (fit(data, FitContext(threads=1, seed=seed)) for seed in (0, 1))
    assert not np.allclose(one.factors, other.factors)


def test_the_device_of_the_context_is_used():
    with pytest.raises(RuntimeError, match="abacus"):
        fit(random_log(), FitContext(device="abacus", threads=1))


def test_what_float32_cannot_solve_is_solved_in_float64():
    # two equal rows of factors and hardly any regularisation: singular in float32
    data = random_log(share=0.9)
    recipe = IALS(**{**TOLD, "factors": 49, "reg": 1e-9, "unobserved": 1e-9, "alpha": 1e6, "solver": "exact"})
    model = recipe.fit(data, FitContext(threads=1))
    assert np.isfinite(model.factors).all()


def test_many_systems_are_solved_at_once_and_those_without_a_solution_are_marked():
    rng = np.random.default_rng(0)
    for n in (5, 64, 65, 100):
        root = rng.normal(size=(4, n, n + 5)).astype(np.float32)
        left, right = root @ root.transpose(0, 2, 1) + 5 * np.eye(n, dtype=np.float32), rng.normal(size=(4, n))
        left[2, n - 1, n - 1] = -1.0
        found = solve(torch.from_numpy(left.copy()), torch.from_numpy(right.astype(np.float32))).numpy()
        good = [0, 1, 3]
        assert np.allclose(found[good], np.linalg.solve(left[good], right[good][..., None])[..., 0], atol=1e-3)
        assert np.isnan(found[2]).any()


def test_groups_hold_every_cell_once_and_little_else():
    events = random_log().matrix()
    places = np.arange(events.nnz, dtype=np.int64)
    found = groups(events, places, lambda width: 200)
    cells = np.concatenate([group.cells.ravel() for group in found])
    assert np.array_equal(np.sort(cells[cells < events.nnz]), places)
    for group in found:
        real = group.cells < events.nnz
        assert np.array_equal(events.indices[group.cells[real]], group.columns[real])
        assert (group.columns[~real] == events.shape[1]).all()
        assert group.cells.size <= 200 or len(group.rows) == 1
    assert sorted(np.concatenate([group.rows for group in found])) == [u for u in range(60) if u != 7]
    assert [padded(length) for length in (1, 8, 9)] == [8, 8, 16]


def test_open_fields_take_the_stated_defaults_without_a_holdout():
    data = random_log()
    recipe = fit(data, alpha=1.0, unobserved=None, reg=None).recipe
    cells = data.n_events
    assert recipe.unobserved == pytest.approx(8 * cells / (59 * 49))
    mean = (cells / 59 + cells / 49) / 2
    assert recipe.reg * (mean + recipe.unobserved * (59 + 49) / 2) == pytest.approx(0.1 * mean)
    assert recipe.decay == Decay()


def asked(data):
    users = np.arange(6, dtype=np.int32)
    truth = [np.setdiff1d(np.arange(data.n_items, dtype=np.int32), data.seen(u))[:3] for u in users]
    told = [len(items) > 0 for items in truth]
    users, truth = users[told], [items for items in truth if len(items)]
    seen = [data.seen(u) for u in users]
    return Holdout(users, [data.query(u) for u in users], truth, seen, np.ones(data.n_items, np.bool_))


def test_open_fields_are_chosen_on_the_holdout_and_kept_in_the_recipe():
    data = random_log()
    chosen = fit(data, FitContext(threads=1, holdout=asked(data)), unobserved=None, reg=None)
    again = chosen.recipe.fit(data, FitContext(threads=1))
    assert None not in chosen.recipe.model_dump(exclude={"solver"}).values()
    assert np.array_equal(again.factors, chosen.factors)


def test_fields_that_are_given_are_never_changed():
    data = random_log()
    told = {"unobserved": 0.3, "half_life_events": 7.0}
    recipe = fit(data, FitContext(threads=1, holdout=asked(data)), **told, reg=None).recipe
    assert (recipe.unobserved, recipe.half_life_events) == (0.3, 7.0)


def test_the_objective_of_every_epoch_is_reported_and_falls():
    seen = losses(random_log(), epochs=4)
    assert len(seen) == 4
    assert seen == sorted(seen, reverse=True)


def test_a_model_can_be_made_after_every_epoch_without_disturbing_the_next():
    data = random_log()
    recipe = IALS(**{**TOLD, "factors": 40, "solver": "block"})
    models = [training.model() for training in recipe.sweeps(data, FitContext(threads=1))]
    straight = replace(FitContext(threads=1))
    assert len(models) == 3
    assert not np.allclose(models[0].factors, models[1].factors)
    assert np.array_equal(models[2].factors, recipe.fit(data, straight).factors)


def test_only_positive_events_teach_by_default():
    data = dataset([(0, 0), (0, 1), (1, 0), (1, 2)], (2, 3))
    data = replace(data, positive=np.array([True, True, True, False]))
    assert fit(data).known.tolist() == [True, True, False]
    assert fit(data, positives_only=False).known.tolist() == [True, True, True]


def test_fitting_leaves_torch_as_it_was():
    torch.manual_seed(3)
    threads, expected = torch.get_num_threads(), torch.rand(1)
    torch.manual_seed(3)
    fit(random_log())
    assert torch.rand(1) == expected
    assert torch.get_num_threads() == threads


def test_serving_a_saved_model_never_imports_torch(tmp_path):
    model = fit(random_log())
    model.save(tmp_path)
    assert serves_without_torch(tmp_path, items=50, more="model.item_vectors([asked], [np.ones(1)])")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("audience.npy", "counts.npy", "factors.npy", "known.npy", "recipe.json")
    ]
    (found,) = load_model(tmp_path).top([query(np.array([0]))], 5, np.ones(50, np.bool_), [NOTHING])
    assert (
        found.items.tolist() == model.top([query(np.array([0]))], 5, np.ones(50, np.bool_), [NOTHING])[0].items.tolist()
    )
