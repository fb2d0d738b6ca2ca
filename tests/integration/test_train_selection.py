from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from recsys.dataset.data import Dataset, Split
from recsys.errors import FitError
from recsys.models.recipe import FitContext, Model, Recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked
from support.data import dataset, holdout
from training.selection import Arena, hold
from training.spec import RunSpec

ITEMS = ("a", "b", "c")


class Always(Recipe):
    """Recommends one item to everyone; ``item`` None is what the first user of the holdout liked."""

    name = "always"
    item: str | None = None

    def fit(self, data: Dataset, ctx: FitContext) -> Model:
        item = self.item
        if item is None:
            assert ctx.holdout is not None, "what was chosen must be in the recipe that is refitted"
            item = data.catalogue.ids[int(ctx.holdout.truth[0][0])]
        ctx.report(1, {"loss": 0.5})
        return AlwaysModel(Always(item=item), data.catalogue.ids.get(item) or 0)


class AlwaysModel:
    def __init__(self, recipe: Recipe, index: int) -> None:
        self.recipe = recipe
        self.index = index

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        return [Ranked(np.array([self.index], np.int32), np.ones(1, np.float32), "always") for _ in queries]

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        return np.zeros((len(queries), len(items)), np.float32)


def window(name: str, *, validation: str, test: str) -> Split:
    """One user, who liked ``validation`` after train and ``test`` after train + validation; ``p`` is popular."""
    data = dataset([("u", "z", -3), ("v", "p", -2), ("w", "p", -1)], items=ITEMS)
    return Split(name, data, holdout(data, {"u": [validation]}), data, holdout(data, {"u": [test]}))


def spec(**models: Recipe) -> RunSpec:
    return RunSpec(name="mine", models=models)


def test_the_winner_is_chosen_on_validation_and_never_on_test() -> None:
    arena = Arena([window("one", validation="a", test="b")], spec(a=Always(item="a"), b=Always(item="b")))
    contest = hold(arena, lambda section: arena.trial(section, arena.spec.models[section]))
    assert contest.best.section == "a"
    assert [trial.test.mean("ndcg@10") for trial in contest.trials] == [0.0, 1.0]


def test_each_window_is_tested_with_what_its_own_validation_chose() -> None:
    windows = [window("old", validation="a", test="a"), window("new", validation="b", test="b")]
    trial = Arena(windows, spec(x=Always())).trial("x", Always())
    assert list(trial.test.per_query["ndcg@10"]) == [1.0, 1.0]


def test_what_is_published_is_what_the_newest_window_chose() -> None:
    windows = [window("old", validation="a", test="a"), window("new", validation="b", test="b")]
    trial = Arena(windows, spec(x=Always())).trial("x", Always())
    assert trial.recipe == Always(item=None)
    assert trial.resolved == Always(item="b")


def test_popular_is_measured_as_the_floor_though_the_spec_lacks_it() -> None:
    arena = Arena([window("one", validation="p", test="p")], spec(a=Always(item="a")))
    contest = hold(arena, lambda section: arena.trial(section, arena.spec.models[section]))
    assert contest.floor.recipe.name == "popular"
    assert contest.floor.test.mean("ndcg@10") == 1.0
    assert [trial.section for trial in contest.trials] == ["a"]


def test_epochs_are_reported_with_their_window() -> None:
    windows = [window("old", validation="a", test="a"), window("new", validation="b", test="b")]
    seen: list[tuple[int, int, dict[str, float]]] = []

    def watch(place: int, step: int, metrics: Mapping[str, float]) -> None:
        seen.append((place, step, dict(metrics)))

    Arena(windows, spec(x=Always())).trial("x", Always(), watch)
    assert seen == [(0, 1, {"loss": 0.5}), (1, 1, {"loss": 0.5})]


def test_a_split_without_windows_is_refused() -> None:
    with pytest.raises(FitError, match="no window"):
        Arena([], spec(x=Always()))
