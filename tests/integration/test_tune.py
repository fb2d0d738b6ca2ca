"""Searches on a small log: what is found and written, a search that goes on, one that is killed, one that is shared."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pyarrow as pa
import pytest
from mlflow import MlflowClient
from optuna.trial import TrialState
from rich.console import Console

from recsys.errors import ConfigError, FitError, StoreError
from recsys.lake import Lake
from recsys.models.recipe import parse
from support.postgres import POSTGRES, schema
from training.selection import Arena
from training.source import open_source
from training.spec import load_spec, parse_spec
from training.state import State
from training.tracking import Tracker
from training.tune import show, study
from training.tune.run import Found, Job, tune

SPEC: dict[str, Any] = {
    "name": "small",
    "metric": "ndcg@5",
    "split": {"strategy": "time", "windows": 2},
    "models": {"popular": {"half_life_days": 0.001}, "als": {"factors": 4, "epochs": 2, "alpha": 1.0, "reg": 300.0}},
    "tune": {"als": {"factors": [2, 4]}},
}
WORKER = """
import os, sys, time
from pathlib import Path
import training.tracking, training.tune.objective, training.tune.run
from training.cli import main

score, go = training.tune.objective.Objective.score, Path({go!r})

def together(*args):
    go.with_name("at-%d" % os.getpid()).touch()
    while len(list(go.parent.glob("at-*"))) < 2:  # so that one worker cannot be done before the other begins
        time.sleep(0.01)
    return score(*args)

training.tune.objective.Objective.score = together
sys.argv = ["recsys", "tune", *sys.argv[2:]]
Path(sys.argv.pop()).touch()
while not go.exists():
    time.sleep(0.01)
main()
"""
DIE = """
import os, signal, sys
import training.tune.objective
from training.cli import main

score, calls = training.tune.objective.Objective.score, []

def die(*args):
    calls.append(args)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return score(*args)

training.tune.objective.Objective.score = die
sys.argv = ["recsys", "tune", *sys.argv[1:]]
main()
"""


def grow(lake: Path, first: int, last: int) -> None:
    """40 users, each with one event a day from day ``first`` to ``last``, mostly of the same few of 20 items."""
    rng = np.random.default_rng(0)
    taste = 1 / np.arange(1, 21)
    works = [rng.choice(20, 20, replace=False, p=taste / taste.sum()) for _ in range(40)]
    rows = [(user, day, works[user][day]) for user in range(40) for day in range(first, last)]
    start = datetime(2024, 1, 1, tzinfo=UTC)
    events = {
        "event_id": [f"{user}-{day}" for user, day, _ in rows],
        "user_id": [f"u{user:02}" for user, _, _ in rows],
        "item_id": [f"i{item:02}" for _, _, item in rows],
        "kind": ["view"] * len(rows),
        "timestamp": pa.array([start + timedelta(days=d, minutes=u) for u, d, _ in rows], pa.timestamp("us", tz="UTC")),
    }
    Lake(lake).append("events", pa.table(events))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake and an empty tracking database: MLflow takes seconds to make one."""
    folder = tmp_path_factory.mktemp("made")
    grow(folder / "lake", 0, 12)
    Tracker(State.at(folder / "var"))
    return folder


@pytest.fixture
def state(tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copytree(made / "lake", tmp_path / "lake")
    shutil.copytree(made / "var", tmp_path / "var")
    return State.at(tmp_path / "var")


def run(state: State, values: dict[str, Any] = SPEC, **options: Any) -> list[Found]:
    job = Job(str(state.root.parent / "lake"), parse_spec(values), values, state)
    return tune(replace(job, **options), show.Show(console=Console(quiet=True)))


def settings(found: Found) -> list[dict[str, Any]]:
    return [dict(trial.settings) for trial in found.trials]


def runs(state: State, state_of: str = "attributes.status != ''") -> list[Any]:
    client = MlflowClient(tracking_uri=f"sqlite:///{state.tracking}")
    return list(client.search_runs([client.get_experiment_by_name("recsys").experiment_id], state_of))


def test_every_section_is_searched_and_the_best_is_written(state: State) -> None:
    out = state.root.parent / "best.toml"
    found = run(state, trials=8, out=out)
    assert [one.section for one in found] == ["popular", "als"]
    spec = load_spec(str(out))
    for one in found:
        assert one.default is one.trials[0]
        assert one.default.recipe == parse_spec(SPEC).models[one.section]
        assert len(one.trials) == 8
        assert one.best.value > one.default.value, "the spec's own settings are poor on purpose"
        assert spec.models[one.section] == one.best.recipe
        assert f"trial {one.best.number} makes ndcg@5" in show.lines(one)[-1]
    assert [trial.settings["factors"] for trial in found[1].trials[1:]] == [2, 2, 2, 2, 2, 4, 4]
    first_of_four, best_of_two = found[1].trials[6], max(found[1].trials[1:6], key=lambda trial: trial.value)
    assert {**best_of_two.settings, "factors": 4} == first_of_four.settings
    header = out.read_text().split("\n\n")[0]
    for told in ("small", "events 0", found[0].study, "8 trials", "ndcg@5", f"{found[0].best.value:.4f}"):
        assert told in header
    Console(quiet=True).print(show.table(found[0]))

    arena = Arena(open_source(str(state.root.parent / "lake"), spec, state).windows, spec)
    for one in found:
        assert arena.trial(one.section, spec.models[one.section]).validation.mean("ndcg@5") == one.best.value

    parents = [one for one in runs(state) if "mlflow.parentRunId" not in one.data.tags]
    assert {one.info.run_name for one in parents} == {f"tune {one.study}" for one in found}
    for one in found:
        parent = next(p for p in parents if p.info.run_name == f"tune {one.study}")
        children = [c for c in runs(state) if c.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
        told = {int(c.data.params["trial"]): c for c in children}
        assert sorted(told) == list(range(8))
        assert {n: told[n].data.tags["recsys.state"] for n in told} == {t.number: t.state for t in one.trials}
        best = told[one.best.number].data
        assert best.metrics["validation.ndcg_at_5"] == one.best.value
        assert 0 < best.metrics["seconds"] < one.best.seconds
        assert best.params["recipe"] == one.section
        assert {c.info.status for c in children} == {"FINISHED"}


def test_a_search_goes_on_as_if_it_had_never_stopped(state: State) -> None:
    whole = run(state, sections=["popular"], trials=8, study="whole")[0]
    run(state, sections=["popular"], trials=4, study="parts")
    parts = run(state, sections=["popular"], trials=8, study="parts")[0]
    assert settings(whole) == settings(parts)
    assert [trial.value for trial in whole.trials] == [trial.value for trial in parts.trials]
    assert len(run(state, sections=["popular"], trials=3, study="parts")[0].trials) == 8
    assert sum(one.info.run_name == "tune parts.popular" for one in runs(state)) == 1
    assert "pruned" in {trial.state for trial in whole.trials}
    other = run(state, {**SPEC, "seed": 1}, sections=["popular"], trials=2)[0]
    assert settings(other)[1] != settings(whole)[1]


def test_unlike_searches_never_share_a_study(state: State) -> None:
    options: dict[str, Any] = {"sections": ["popular"], "trials": 1}
    names = [run(state, values, **options)[0].study for values in (SPEC, {**SPEC, "metric": "recall@5"})]
    run(state, **options, study="mine")
    grow(state.root.parent / "lake", 12, 14)
    names.append(run(state, **options)[0].study)
    assert len(set(names)) == 3
    with pytest.raises(ConfigError, match=r"'mine\.popular' was made for other data"):
        run(state, **options, study="mine")


def test_where_nothing_beats_the_spec_it_stays(state: State) -> None:
    worse = {**SPEC, "models": {"popular": {}}, "tune": {"popular": {"half_life_days": [0.001]}}}
    found = run(state, worse, trials=2, out=state.root.parent / "best.toml")[0]
    assert found.best.is_default
    assert "nothing beat the spec's own settings" in show.lines(found)[-1]
    text = (state.root.parent / "best.toml").read_text()
    assert "which nothing beat" in text
    assert load_spec(str(state.root.parent / "best.toml")).models["popular"] == parse({"recipe": "popular"})


def test_a_setting_that_cannot_be_fitted_fails_alone(state: State) -> None:
    small = {**SPEC, "models": {"ease": {}}, "tune": {"ease": {"memory_gb": [1e-9]}}}
    found = run(state, small, trials=3)[0]
    assert [trial.state for trial in found.trials] == ["complete", "failed", "failed"]
    assert "memory_gb" in found.trials[1].reason
    assert len(run(state, small, trials=3)[0].trials) == 3, "what failed is not tried again"
    hopeless = {**SPEC, "models": {"ease": {"memory_gb": 1e-9}}, "tune": {"ease": {"memory_gb": [1e-9]}}}
    with pytest.raises(FitError, match=r"All 5 trials of ease failed; the first one: .*memory_gb"):
        run(state, hopeless, trials=50)


def test_a_budget_of_minutes_ends(state: State) -> None:
    assert len(run(state, sections=["popular"], minutes=0.01)[0].trials) >= 1


@pytest.mark.parametrize(
    ("options", "error", "names"),
    [
        ({"sections": ["ials"]}, ConfigError, "no section .*ials.* the spec has popular, als"),
        ({"trials": 0}, ConfigError, "--trials"),
        ({"out": Path(__file__)}, ConfigError, "--out .* exists already"),
        ({"storage": "nonsense"}, ConfigError, "--storage is no URL"),
        ({"storage": "postgresql://me:secret@127.0.0.1:9/none"}, StoreError, r"me:\*\*\*@127.0.0.1:9"),
        ({"storage": "oracle://host/base"}, ConfigError, "driver that is missing"),
        ({"study": "a/b"}, ConfigError, "'a/b"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_tried(
    state: State, options: dict[str, Any], error: type[Exception], names: str
) -> None:
    with pytest.raises(error, match=names) as caught:
        run(state, **options)
    assert "secret" not in str(caught.value)
    known = MlflowClient(f"sqlite:///{state.tracking}").get_experiment_by_name("recsys")
    assert known is None or runs(state) == []


def test_ranges_of_a_section_that_is_not_there_are_refused(state: State) -> None:
    with pytest.raises(ConfigError, match=r"models\.ghost"):
        run(state, {**SPEC, "tune": {"ghost": {"reg": 1.0}}})


def arguments(state: State, *more: str) -> list[str]:
    folder = state.root.parent
    told = "name = 'small'\n[models.popular]\nhalf_life_days = 0.001\n"
    (folder / "small.toml").write_text(told)
    return ["--lake", str(folder / "lake"), "--spec", str(folder / "small.toml"), "--var", str(state.root), *more]


def test_a_killed_trial_is_tried_again_and_counts_once(state: State) -> None:
    command = [sys.executable, "-c", DIE, *arguments(state, "--trials", "5")]
    killed = subprocess.run(command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    url = study.default_storage(state.root)
    (name,) = optuna.get_all_study_names(url)
    before = optuna.load_study(study_name=name, storage=url).trials
    assert [trial.state for trial in before] == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.RUNNING]

    values = {"name": "small", "models": {"popular": {"half_life_days": 0.001}}}
    found = run(state, values, trials=5)[0]
    after = optuna.load_study(study_name=name, storage=url).trials
    assert found.study == name
    assert after[2].state == TrialState.FAIL
    assert after[3].params == before[2].params
    assert [trial.number for trial in found.trials] == [0, 1, 3, 4, 5]
    assert {trial.state for trial in found.trials} <= {"complete", "pruned"}
    assert {one.info.status for one in runs(state)} == {"FINISHED", "KILLED"}


@pytest.fixture
def alone() -> Iterator[str]:
    """The URL of an empty schema."""
    with schema() as name:
        yield f"{POSTGRES}{name}"


def test_two_workers_share_the_trials_of_a_study(state: State, alone: str) -> None:
    go, ready = state.root.parent / "go", [state.root.parent / f"ready{worker}" for worker in (1, 2)]
    command = [sys.executable, "-c", WORKER.format(go=str(go)), "-"]
    shared = arguments(state, "--trials", "9", "--storage", alone)
    workers = [
        subprocess.Popen([*command, *shared, str(mark)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for mark in ready
    ]
    while not all(mark.exists() for mark in ready) and all(worker.poll() is None for worker in workers):
        time.sleep(0.02)
    go.touch()
    for worker in workers:
        _, said = worker.communicate(timeout=120)
        assert worker.returncode == 0, said

    url = alone.replace("postgresql:", "postgresql+psycopg:")
    (name,) = optuna.get_all_study_names(url)
    counted = study.counted(optuna.load_study(study_name=name, storage=url))
    assert len(counted) == 9
    assert all(trial.state.is_finished() for trial in counted)
    assert len({trial.user_attrs[study.OWNER] for trial in counted}) == 2
    assert sum(study.is_default(trial) for trial in counted) == 1
    assert len({tuple(trial.params.items()) for trial in counted}) == 9, "none was drawn twice"
