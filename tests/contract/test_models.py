"""What every registered recipe and its model keep to. A new recipe is covered as soon as its file is there."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recsys.dataset.data import Dataset, Holdout
from recsys.dataset.ids import IdMap
from recsys.errors import FitError
from recsys.models.recipe import FitContext, Model, Recipe, load_model, parse, recipes
from recsys.types import query
from support.data import AT, checkerboard, dataset, holdout

# hyperparameters that make a fit small, for every recipe that has them
SMALL = {"factors": 8, "epochs": 30, "learning_rate": 0.05, "batch_size": 32, "dropout": 0.0, "max_history": 50}
# what a recipe needs besides; one without an entry is tested all the same
OVERRIDES: dict[str, dict[str, Any]] = {
    "sasrec": {"learning_rate": 0.03, "batch_size": 4, "epochs": 10, "dropout": 0.3},  # it minds the order too well
    "blend": {"parts": [{"recipe": "popular"}, {"recipe": "als", "factors": 8}], "weights": [0.1, 0.9]},
    "ranker": {"parts": [{"recipe": "popular"}, {"recipe": "als", "factors": 8}]},
    "trending": {"min_events": 10},
    "session": {"gap_minutes": 100_000.0},  # the events of the case are days apart
    "audience": {"half_life_days": 30.0, "strength": 1.0},  # by the hour, popularity would decide alone
}
HISTORY_FREE = {"popular", "trending"}  # the same for everyone
WITHIN_HOURS = {"session"}  # counts what is clicked within hours; the events of the case are days apart
SEED = 5


@dataclass(frozen=True, eq=False)
class Case:
    name: str
    recipe: Recipe
    data: Dataset
    asked: Holdout
    model: Model

    def lists(self, model=None, n=10):
        """(items, score bytes) of every query of the case, for exact comparison."""
        allowed = frozen(np.ones(self.data.n_items, np.bool_))
        found = (model or self.model).top(self.asked.queries, n, allowed, self.asked.exclude)
        return [(ranked.items.tolist(), ranked.scores.tobytes()) for ranked in found]


def frozen(array):
    array.flags.writeable = False
    return array


def small(name: str, recipe: type[Recipe]) -> Recipe:
    common = {field: value for field, value in SMALL.items() if field in recipe.model_fields}
    return parse({"recipe": name, **common, **OVERRIDES.get(name, {})})


def missing_items(data: Dataset, user: str) -> list[str]:
    """Items of the user's own colour that the user has not had."""
    colour = int(user[1:]) % 2
    seen = set(data.catalogue.ids.external(data.seen(data.users.get(user))))
    return [name for name in data.catalogue.ids.ids if int(name[1:]) % 2 == colour and name not in seen]


def board() -> tuple[Dataset, Holdout]:
    data = checkerboard()
    # a profile that tells nothing of the colour, and one user without any
    profiles = {user: {"country": "CN" if at % 3 else "FR"} for at, user in enumerate(data.users.ids[1:])}
    data = replace(data, profiles=profiles)
    for array in (data.user, data.item, data.time, data.weight, data.positive):
        frozen(array)
    users = [f"u{u:02}" for u in range(8)]
    return data, holdout(data, {user: missing_items(data, user)[:1] for user in users})


@pytest.fixture(scope="module", params=sorted(recipes()))
def case(request) -> Case:
    recipe = small(request.param, recipes()[request.param])
    data, asked = board()
    model = recipe.fit(data, FitContext(seed=SEED, threads=1, holdout=asked))
    return Case(request.param, recipe, data, asked, model)


def everything(case: Case):
    return frozen(np.ones(case.data.n_items, np.bool_))


def all_scores(case: Case, queries):
    return case.model.score(queries, frozen(np.arange(case.data.n_items, dtype=np.int32)))


# recipes


def test_a_recipe_survives_a_round_trip_through_json(case):
    for recipe in (case.recipe, case.model.recipe):
        again = parse(json.loads(json.dumps(recipe.params())))
        assert again == recipe
        assert hash(again) == hash(recipe)


def test_the_resolved_recipe_refits_the_same_model_without_a_holdout(case):
    again = case.model.recipe.fit(case.data, FitContext(seed=SEED, threads=1))
    assert again.recipe == case.model.recipe
    assert case.lists(again) == case.lists()


def test_renaming_users_changes_nothing_and_the_same_seed_gives_the_same_lists(case):
    new = {user: f"someone-{len(case.data.users) - at}" for at, user in enumerate(case.data.users.ids)}
    profiles = {new[user]: profile for user, profile in case.data.profiles.items()}
    renamed = replace(case.data, users=IdMap(list(new.values())), profiles=profiles)
    again = case.recipe.fit(renamed, FitContext(seed=SEED, threads=1, holdout=case.asked))
    assert case.lists(again) == case.lists()


def test_a_recipe_without_an_entry_here_is_tested_with_what_it_has():
    class Plain(Recipe):
        factors: int = 64
        other: str = "default"

    common = {field: value for field, value in SMALL.items() if field in Plain.model_fields}
    assert Plain(**common) == Plain(factors=8)
    assert all(isinstance(small(name, recipe), Recipe) for name, recipe in recipes().items())


# files


def test_a_loaded_model_gives_the_same_lists_and_scores_from_mapped_files_without_pickle(case, tmp_path):
    case.model.save(tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.recipe == case.model.recipe
    assert case.lists(loaded) == case.lists()
    items = np.arange(case.data.n_items, dtype=np.int32)
    assert np.array_equal(loaded.score(case.asked.queries, items), case.model.score(case.asked.queries, items))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".npy", ".arrow"}
    for path in files:
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)
    if sys.platform == "linux":
        assert str(tmp_path) in Path("/proc/self/maps").read_text()


def test_saving_writes_no_user(case, tmp_path):
    case.model.save(tmp_path)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not any(user.encode() in written for user in case.data.users.ids)


# lists


def test_a_list_is_well_formed(case):
    for ranked in case.model.top(case.asked.queries, 10, everything(case), case.asked.exclude):
        assert ranked.source == case.name
        assert (ranked.items.dtype, ranked.scores.dtype) == (np.int32, np.float32)
        assert len(set(ranked.items.tolist())) == len(ranked.items) == len(ranked.scores)
        assert np.isfinite(ranked.scores).all()
        assert (np.diff(ranked.scores) <= 0).all()


def test_a_list_is_the_same_alone_and_in_a_batch(case):
    together = case.lists()
    for at, asked in enumerate(case.asked.queries):
        (alone,) = case.model.top([asked], 10, everything(case), [case.asked.exclude[at]])
        assert (alone.items.tolist(), alone.scores.tobytes()) == together[at]


def test_a_list_holds_all_that_is_allowed_not_excluded_and_scored_up_to_n(case):
    rng = np.random.default_rng(0)
    scores = all_scores(case, case.asked.queries)
    for share in (0.0, 0.1, 0.5, 1.0):
        allowed = frozen(rng.random(case.data.n_items) < share)
        for n in (0, 3, 10_000):
            found = case.model.top(case.asked.queries, n, allowed, case.asked.exclude)
            for row, hidden, ranked in zip(scores, case.asked.exclude, found, strict=True):
                free = np.setdiff1d(np.flatnonzero(allowed & np.isfinite(row)), hidden)
                assert set(ranked.items.tolist()) <= set(free.tolist())
                assert len(ranked) == min(n, len(free))


def test_a_list_is_in_the_order_of_the_scores(case):
    scores = all_scores(case, case.asked.queries)
    nothing = [np.zeros(0, np.int32)] * len(scores)
    for row, ranked in zip(scores, case.model.top(case.asked.queries, 8, everything(case), nothing), strict=True):
        assert row[ranked.items] == pytest.approx(np.sort(row)[::-1][: len(ranked)], rel=1e-3, abs=1e-5)


def test_no_queries_give_no_lists(case):
    assert case.model.top([], 5, everything(case), []) == []
    assert case.model.score([], np.arange(4, dtype=np.int32)).shape == (0, 4)
    assert case.model.score(case.asked.queries[:2], np.zeros(0, np.int32)).shape == (2, 0)


@pytest.mark.parametrize("profile", [{}, {"country": "FR"}, {"country": "unheard of", "other": ""}])
def test_someone_without_a_history_gets_a_list_or_a_clean_abstention(case, profile):
    nobody = query(at=AT, profile=profile)
    row = all_scores(case, [nobody])[0]
    (ranked,) = case.model.top([nobody], 5, everything(case), [np.zeros(0, np.int32)])
    assert not np.isnan(row).any()
    assert not (row == np.inf).any()
    assert len(ranked) == min(5, np.isfinite(row).sum())


def test_an_appended_event_changes_the_scores(case):
    if case.name in HISTORY_FREE:
        pytest.skip("the same for everyone")
    before = case.asked.queries[0]
    odd = np.int32(case.data.catalogue.ids.get("i01"))
    after = query(np.append(before.items, odd), np.append(before.times, AT), np.append(before.weights, 1.0), at=AT)
    assert not np.allclose(all_scores(case, [before]), all_scores(case, [after]), rtol=1e-4)


def test_the_checkerboard_is_solved(case):
    if case.name in HISTORY_FREE | WITHIN_HOURS:
        pytest.skip("the same for everyone, or knows the last hours only")
    found = case.model.top(case.asked.queries, 10, everything(case), case.asked.exclude)
    for user, ranked in zip(case.asked.users, found, strict=True):
        wanted = missing_items(case.data, case.data.users[user])
        assert set(case.data.catalogue.ids.external(ranked.items[: len(wanted)])) == set(wanted)


# degenerate data

DEGENERATE = {
    "one event": dataset([("u", "a", 0.0)]),
    "one event in a catalogue": dataset([("u", "b", 0.0)], items=["a", "c", "d"]),
    "one user": dataset([("u", "a", -1.0), ("u", "b", 0.0)], items=["c"]),
    "one item": dataset([("u", "a", -1.0), ("v", "a", 0.0)]),
    "everyone had everything": dataset([(u, i, 0.0) for u in "uvw" for i in "abc"]),
    "the same event again and again": dataset([("u", "a", 0.0)] * 5 + [("v", "b", 0.0)]),
    "nothing liked": dataset([("u", "a", 0.0, 1.0, False), ("v", "b", 0.0, 1.0, False)]),
    "no times": dataset([("u", "a", None), ("u", "b", None), ("v", "b", None)], items=["c"]),
    "no events": dataset([], items=["a", "b"], users=["u"]),
    "nothing at all": dataset([]),
}


@pytest.mark.parametrize("data", DEGENERATE.values(), ids=DEGENERATE.keys())
@pytest.mark.parametrize("name", sorted(recipes()))
def test_degenerate_data_give_clean_lists_or_a_fit_error(name, data):
    recipe = small(name, recipes()[name])
    if "epochs" in type(recipe).model_fields:
        recipe = recipe.model_copy(update={"epochs": 2})
    try:
        model = recipe.fit(data, FitContext(threads=1))
    except FitError:
        return
    queries = [query(at=data.at), *(data.query(u) for u in range(data.n_users))]
    nothing = [np.zeros(0, np.int32)] * len(queries)
    scores = model.score(queries, np.arange(data.n_items, dtype=np.int32))
    assert not np.isnan(scores).any()
    assert not (scores == np.inf).any()
    for ranked in model.top(queries, 3, np.ones(data.n_items, np.bool_), nothing):
        assert np.isfinite(ranked.scores).all()
