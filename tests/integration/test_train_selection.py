from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from recsys.dataset.data import Dataset, Split
from recsys.errors import FitError
from recsys.models.recipe import FitContext, Model, Recipe, recipes
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked
from support.data import dataset, holdout
from training import report
from training.selection import Arena, Contest, hold
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


class Over(Always):
    """Stands for what is learned over others."""

    name = "over"
    parts: tuple[str, ...] = ("one", "two")

    def fit(self, data: Dataset, ctx: FitContext) -> Model:
        return AlwaysModel(self, data.catalogue.ids.get(self.item or "") or 0)


@pytest.mark.parametrize(
    ("likes", "best"),
    [
        ("aabb", "over"),  # as good: the simple one chose its settings on these very queries
        ("aaabb", "over"),  # behind by .2, and the standard error of five such differences is .44
        ("aaaa", "simple"),
    ],
)
def test_what_is_learned_over_others_is_preferred_where_it_ties(likes: str, best: str) -> None:
    users = [f"u{at}" for at in range(len(likes))]
    data = dataset([(user, "z", -3) for user in users] + [("v", "p", -2), ("w", "p", -1)], items=ITEMS)
    asked = holdout(data, {user: [item] for user, item in zip(users, likes, strict=True)})
    models = {"simple": Always(item="a"), "over": Over(item="b"), "last": Always(item="c")}
    arena = Arena([Split("one", data, asked, data, asked)], spec(**models))
    contest = hold(arena, lambda section: arena.trial(section, arena.spec.models[section]))
    assert contest.best.section == best


def test_each_window_is_tested_with_what_its_own_validation_chose() -> None:
    windows = [window("old", validation="a", test="a"), window("new", validation="b", test="b")]
    trial = Arena(windows, spec(x=Always())).trial("x", Always())
    assert list(trial.pooled_test.per_query["ndcg@10"]) == [1.0, 1.0]


def test_what_decides_is_measured_on_the_newest_test_slice_alone() -> None:
    windows = [window("old", validation="a", test="c"), window("new", validation="c", test="b")]
    arena = Arena(windows, spec(b=Always(item="b"), c=Always(item="c")))
    contest = hold(arena, lambda section: arena.trial(section, arena.spec.models[section]))
    assert contest.best.section == "c"  # by the older test slice, which is validation in the newest window
    assert (contest.best.test.mean("ndcg@10"), contest.best.pooled_test.mean("ndcg@10")) == (0.0, 0.5)
    assert arena.fixed("champion", Always(item="b")).per_query["ndcg@10"].tolist() == [1.0]


def test_the_table_says_that_older_test_slices_were_chosen_on() -> None:
    def contest(*windows: Split) -> Contest:
        arena = Arena(windows, spec(a=Always(item="a"), b=Always(item="b")))
        return hold(arena, lambda section: arena.trial(section, arena.spec.models[section]))

    one, two = window("one", validation="a", test="a"), window("two", validation="a", test="b")
    assert report.POOLED not in report.notes(contest(one))
    assert report.POOLED in report.notes(contest(one, two))
    assert "on the newest test slice it makes" in report.conclusion(contest(one, two), spec(a=Always()))[0]
    plain = report.values(contest(one, two), spec(a=Always()))["models"]["a"]
    assert (plain["test"]["groups"]["all"]["n"], plain["pooled_test"]["groups"]["all"]["n"]) == (1, 2)


def test_the_table_marks_the_validation_of_a_blend_whose_weights_it_chose() -> None:
    parts = (recipes()["popular"](),)
    fixed, chosen = (recipes()["blend"](parts=parts, weights=weights) for weights in ((1.0,), None))
    for recipe, marked in ((fixed, False), (chosen, True)):
        arena = Arena([window("one", validation="p", test="p")], spec(mix=recipe, popular=parts[0]))
        contest = hold(arena, lambda section, arena=arena: arena.trial(section, arena.spec.models[section]))
        assert (report.WEIGHTS in report.notes(contest)) is marked


def test_a_single_window_is_its_own_pool() -> None:
    trial = Arena([window("one", validation="a", test="a")], spec(x=Always())).trial("x", Always())
    assert trial.pooled_test is trial.test


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


def test_the_floor_chooses_its_half_life_though_the_spec_fixes_it() -> None:
    fixed = recipes()["popular"](half_life_days=0.001)
    arena = Arena([window("one", validation="p", test="p")], spec(popular=fixed))
    contest = hold(arena, lambda section: arena.trial(section, arena.spec.models[section]))
    assert (contest.best.section, contest.floor.section) == ("popular", "popular floor")
    assert contest.floor.resolved != fixed


def test_popular_that_chooses_its_half_life_is_the_floor_itself() -> None:
    arena = Arena([window("one", validation="p", test="p")], spec(mine=recipes()["popular"]()))
    contest = hold(arena, lambda section: arena.trial(section, arena.spec.models[section]))
    assert contest.floor is contest.trials[0]


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
