import socket
import threading
import time
import tomllib
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from optuna import TrialPruned
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial
from sqlalchemy import text

from recsys.dataset.data import Split
from recsys.errors import ConfigError
from recsys.models.recipe import Recipe, parse, recipes
from support.data import checkerboard, holdout
from training.spec import RunSpec, load_spec, parse_spec
from training.tune.best import check_free, with_winners, write
from training.tune.budget import Budget, budget
from training.tune.objective import Objective
from training.tune.pruning import MedianRule, epoch_step, window_step
from training.tune.ranges import Choice, Span
from training.tune.sampling import draw, sampler
from training.tune.spaces import SPACES, searched, space_of, stages_of, with_values
from training.tune.study import OWNER, counted, digest_of, is_default, open_storage, open_study, owner, reclaim


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def recipe(name: str, **values: object) -> Recipe:
    return parse({"recipe": name, **values})


@pytest.mark.parametrize("name", SPACES)
def test_every_point_of_a_declared_space_is_a_recipe(name: str) -> None:
    space, own = space_of(recipe(name), {}, name), recipe(name)
    study = optuna.create_study()
    for number in range(60):
        trial = study.ask()
        study.sampler = sampler(0, number)
        drawn = draw(trial, searched(space))
        for factors in stages_of(space):
            values = {**drawn, "factors": factors} if factors else drawn
            assert with_values(own, values).params().items() >= values.items()


@pytest.mark.parametrize("name", SPACES)
def test_every_declared_range_is_one_that_a_spec_could_say(name: str) -> None:
    told = {field: range_.plain() for field, range_ in SPACES[name].items()}
    assert space_of(recipe(name), told, name) == SPACES[name]


def test_a_spec_overrides_and_holds_fields() -> None:
    told = {"factors": [8, 64, 16], "alpha": 4.0, "reg": {"low": 1, "high": 10}, "epochs": {"low": 2, "high": 9}}
    space = space_of(recipe("als"), told, "tune.als")
    assert stages_of(space) == (8, 16, 64)
    assert searched(space) == {
        "alpha": Choice((4.0,)),
        "reg": Span(1, 10),
        "epochs": Span(2, 9, whole=True),
    }


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ({"regg": 1.0}, "tune.sasrec.regg: sasrec has no such field"),
        ({"reg": {"low": 1.0}}, "tune.sasrec.reg: low and high must be numbers"),
        ({"reg": {"low": 1.0, "high": 2.0, "step": 1}}, "tune.sasrec.reg.step"),
        ({"reg": {"low": 2.0, "high": 1.0}}, "tune.sasrec.reg: low = 2.0 must be below high = 1.0"),
        ({"reg": {"low": 0.0, "high": 1.0, "log": True}}, "tune.sasrec.reg: low = 0.0 must be above 0"),
        ({"reg": {"low": 0.0, "high": float("inf")}}, "tune.sasrec.reg: low and high must be numbers"),
        ({"reg": {"low": 0.0, "high": 1.0, "log": "yes"}}, "tune.sasrec.reg: .* log true or false"),
        ({"reg": []}, "tune.sasrec.reg = .*at least one"),
        ({"dropout": {"low": 0.1, "high": 1.0}}, "tune.sasrec.dropout .*less than 1"),
        ({"dropout": [0.1, 2.0]}, "tune.sasrec.dropout .*less than 1"),
        ({"blocks": {"low": 0, "high": 2}}, "tune.sasrec.blocks .*greater than 0"),
        ({"content": ["maybe"]}, "tune.sasrec.content .*boolean"),
    ],
)
def test_a_range_that_cannot_be_is_refused_by_its_name(told: dict[str, object], names: str) -> None:
    with pytest.raises(ConfigError, match=names):
        space_of(recipe("sasrec"), told, "tune.sasrec")


def test_a_recipe_without_a_space_needs_ranges() -> None:
    blend = recipes()["blend"](parts=(recipe("popular"),))
    with pytest.raises(ConfigError, match=r"tune\.blend: nothing says what to search"):
        space_of(blend, {}, "tune.blend")


def test_factors_double_between_the_ends_of_a_span() -> None:
    assert stages_of({"factors": Span(16, 100, whole=True)}) == (16, 32, 64, 100)


def test_a_span_narrows_to_the_third_around_a_value() -> None:
    assert Span(0.0, 6.0).near(3.0) == Span(2.0, 4.0)
    assert Span(0.0, 6.0).near(5.5) == Span(4.5, 6.0)
    narrow = Span(1.0, 1e6, log=True).near(100.0)
    assert (narrow.low, narrow.high) == pytest.approx((10.0, 1000.0))
    assert Span(1, 13, whole=True).near(7) == Span(5, 9, whole=True)
    assert Span(1.0, 2.0).near(None) == Span(1.0, 2.0)
    assert Span(1.0, 7.0).near(100.0) == Span(6.0, 7.0)


def test_trials_halve_from_stage_to_stage() -> None:
    limit = Budget(trials=15)  # the default and 14 others: 8, 4, 2
    assert [limit.stage(rank, 3) for rank in range(1, 15)] == [0] * 8 + [1] * 4 + [2] * 2


def test_seconds_are_shared_evenly_by_the_stages() -> None:
    def stage(elapsed: float) -> int:
        return Budget(None, 30.0, time.monotonic() - elapsed).stage(99, 3)

    assert [stage(1.0), stage(11.0), stage(21.0), stage(100.0)] == [0, 1, 2, 2]
    assert Budget(None, 30.0, time.monotonic() - 31.0).over(0)
    assert not Budget(None, 30.0).over(1000)


def test_a_budget_is_of_trials_or_of_minutes_for_all_sections() -> None:
    assert budget(None, None, 3).trials == 20
    assert budget(None, 3.0, 3).seconds == 60.0
    for trials, minutes in ((5, 1.0), (0, None), (None, 0.0), (None, float("nan"))):
        with pytest.raises(ConfigError, match="--trials"):
            budget(trials, minutes, 1)


def curve(values: list[float], factors: int, state: TrialState = TrialState.COMPLETE) -> optuna.trial.FrozenTrial:
    steps = {epoch_step(0, epoch): value for epoch, value in enumerate(values, start=1)}
    value = values[-1] if state == TrialState.COMPLETE else None
    return create_trial(state=state, value=value, intermediate_values=steps, user_attrs={"factors": factors})


def test_a_trial_is_given_up_below_the_median_of_trials_with_as_many_factors() -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trials([curve([0.1] * 5 + [value], 8) for value in (0.1, 0.2, 0.3, 0.4)])  # median of the sixth .25
    study.add_trials([curve([0.9] * 6, 16) for _ in range(4)])

    def prune(values: list[float]) -> bool:
        return MedianRule().prune(study, curve(values, 8, TrialState.RUNNING))

    assert prune([0.2] * 6)
    assert not prune([0.3] * 6)
    assert not prune([0.3] + [0.2] * 5), "its best so far counts"
    assert not prune([0.0] * 4), "it is too early to tell"


def test_a_curve_that_ended_early_stands_for_its_later_epochs() -> None:
    study = optuna.create_study(direction="maximize")
    study.add_trials([curve([0.5] * 5, 8) for _ in range(4)])
    assert MedianRule().prune(study, curve([0.4] * 9, 8, TrialState.RUNNING))


def test_results_are_compared_with_results_of_the_same_window() -> None:
    study = optuna.create_study(direction="maximize")
    ended = {epoch_step(1, 9): 0.9, window_step(0): 0.8, window_step(1): 0.5}
    for _ in range(4):
        study.add_trial(create_trial(value=0.5, intermediate_values=ended))

    def prune(value: float) -> bool:
        steps = {epoch_step(1, 9): 0.9, window_step(0): 0.8, window_step(1): value}
        return MedianRule().prune(study, create_trial(state=TrialState.RUNNING, intermediate_values=steps))

    assert prune(0.4)
    assert not prune(0.5)


def test_the_same_seed_and_number_draw_the_same_whoever_asks() -> None:
    def drawn(seed: int, number: int) -> float:
        study = optuna.create_study()
        trial = study.ask()
        study.sampler = sampler(seed, number)
        return float(Span(0.0, 1.0).draw(trial, "x"))

    assert drawn(0, 3) == drawn(0, 3)
    assert len({drawn(0, 3), drawn(0, 4), drawn(1, 3)}) == 3


def test_drawn_fractions_have_three_digits_and_stay_inside() -> None:
    trial = optuna.trial.FixedTrial({"x": 0.123456, "y": 1.23456})
    assert Span(0.0, 1.0).draw(trial, "x") == 0.123
    assert Span(1.2341, 2.0).draw(trial, "y") == 1.2341
    assert FloatDistribution(0.0, 1.0) == Span(0.0, 1.0).distribution()


def test_a_digest_tells_searches_apart_whatever_the_order() -> None:
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1, "b": 2}) != digest_of({"a": 1, "b": 3})


SPEC = """
metric = "recall@5"
[events.rating]
positive = "value >= 4"
[models.als]
epochs = 3
[models."热门"]
recipe = "popular"
[models.both]
recipe = "blend"
parts = ["als", "热门"]
[tune.als]
reg = {low = 1.0, high = 2.0}
"""


def test_the_best_spec_says_what_the_spec_said_but_for_the_winners(tmp_path: Path) -> None:
    values = {"name": "mine", **tomllib.loads(SPEC)}
    best = recipe("als", factors=8, alpha=2.5, reg=1e-3)
    write(tmp_path / "best.toml", with_winners(values, {"als": best}), ["found\nsomehow"], force=False)
    assert (tmp_path / "best.toml").read_text(encoding="utf-8").startswith("# found\n# somehow\n\nname")
    spec, before = load_spec(str(tmp_path / "best.toml")), parse_spec(values)
    assert spec.name == "mine-tuned"
    assert spec.models["als"] == best
    assert spec.models["both"].params()["parts"][0] == best.params()
    assert spec.models["热门"] == recipe("popular")
    assert (spec.metric, spec.prepare, spec.tune) == (before.metric, before.prepare, before.tune)


def test_an_open_field_stays_open_and_a_tuned_name_is_not_tuned_twice() -> None:
    values = {"name": "mine-tuned", "models": {"ials": {}}}
    made = with_winners(values, {"ials": recipe("ials", reg=0.01)})
    assert made["name"] == "mine-tuned"
    assert "epochs" not in made["models"]["ials"]
    assert parse_spec(made).models["ials"] == recipe("ials", reg=0.01)


def test_a_file_is_written_over_only_by_force(tmp_path: Path) -> None:
    target = tmp_path / "best.toml"
    target.write_text("mine")
    for refused in (lambda: check_free(target, force=False), lambda: write(target, {"a": 1}, [], force=False)):
        with pytest.raises(ConfigError, match=r"best\.toml .*--force"):
            refused()
    assert target.read_text() == "mine"
    check_free(target, force=True)
    write(target, {"a": 1}, [], force=True)
    assert tomllib.loads(target.read_text()) == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["best.toml"]


def test_ranges_are_no_part_of_what_a_run_records() -> None:
    spec = parse_spec({"models": {"popular": {}}, "tune": {"popular": {"half_life_days": [1.0]}}})
    assert "tune" not in spec.model_dump()


@pytest.mark.parametrize(
    ("name", "values"), [("warp", {}), ("two_tower", {"epochs": 2, "in_order": 0.5}), ("sasrec", {"epochs": 2})]
)
def test_a_fit_that_is_given_up_between_epochs_leaves_nothing_behind(
    name: str, values: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = checkerboard()
    held = holdout(data, {"u00": ["i00"], "u01": ["i01"]})
    spec = RunSpec(models={name: recipe(name, factors=8, **values)})
    objective = Objective([Split("one", data, held, data, held)], spec)

    def scores(stop_at: int | None) -> tuple[float, list[float]]:
        seen: list[float] = []

        def epoch(window: int, step: int, value: float) -> None:
            seen.append(value)
            if len(seen) == stop_at:
                raise TrialPruned

        return objective.score(spec.models[name], epoch, lambda window, value: None).value, seen

    torch.set_num_threads(2)
    fresh = scores(None)
    before = torch.get_num_threads(), threading.active_count(), torch.is_grad_enabled()
    with pytest.raises(TrialPruned):
        scores(1)
    assert (torch.get_num_threads(), threading.active_count(), torch.is_grad_enabled()) == before
    assert list(tmp_path.iterdir()) == []
    again = scores(None)
    assert again[0] == fresh[0]
    assert np.allclose(again[1], fresh[1])


@pytest.fixture
def shared(tmp_path: Path) -> optuna.Study:
    """A study in a database, as a worker opens it."""
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    return open_study(open_storage(url), "mine", "digest", url)


def end_without_a_word(study: optuna.Study, owner: str) -> optuna.Trial:
    trial = study.ask()
    trial.set_user_attr(OWNER, owner)
    study.sampler = sampler(0, trial.number)
    Span(0.0, 1.0).draw(trial, "reg")
    return trial


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_trials_of_dead_processes_are_queued_again_twice_and_no_more(shared: optuna.Study) -> None:
    dead = f"{socket.gethostname()}:4194305"  # above the largest process id of Linux
    first = end_without_a_word(shared, dead)
    assert [reclaim(shared), reclaim(shared)] == [1, 0]
    for _ in range(2):
        again = end_without_a_word(shared, dead)
        assert again.params == first.params
        assert is_default(again), "the first trial of a study is that of the spec's own settings"
        reclaim(shared)
    assert reclaim(shared) == 0
    assert [trial.state for trial in shared.trials] == [TrialState.FAIL] * 3
    assert counted(shared) == []


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_trials_of_living_processes_and_other_machines_go_on(shared: optuna.Study) -> None:
    for whose in (owner(), "elsewhere:1"):
        end_without_a_word(shared, whose)
    assert reclaim(shared) == 0
    assert [trial.state for trial in counted(shared)] == [TrialState.RUNNING] * 2


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_a_trial_of_another_machine_is_lost_when_its_heart_stops(shared: optuna.Study) -> None:
    storage = shared._storage._backend
    lost = end_without_a_word(shared, "elsewhere:1")
    storage.record_heartbeat(lost._trial_id)
    with storage.engine.begin() as connection:
        connection.execute(text("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'"))
    shared.optimize(lambda trial: 1.0, n_trials=1)  # whoever begins a trial looks after the others
    assert shared.trials[lost.number].state == TrialState.FAIL
    assert reclaim(shared) == 1


def test_a_study_of_something_else_is_refused(shared: optuna.Study, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    assert open_study(open_storage(url), "mine", "digest", url).study_name == "mine"
    with pytest.raises(ConfigError, match="'mine' was made for other data"):
        open_study(open_storage(url), "mine", "another", url)
