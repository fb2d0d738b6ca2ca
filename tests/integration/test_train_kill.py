"""kill -9 at the worst moments of a training job: nothing half made is left, and the next job succeeds."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from rich.console import Console

from recsys.bundle import load_bundle
from support.lakes import grow
from training.champion import read_served
from training.show import Show
from training.spec import load_spec
from training.state import State
from training.tracking import CHAMPION, Tracker
from training.train import Job, Outcome, train

SPEC = "[models.popular]\n[models.slow]\nrecipe = 'popular'\nhalf_life_days = 900.0\n"
DIE = """
import os, signal, sys
import recsys.bundle, recsys.models.popular, training.champion, training.release, training.tracking
from training.cli import main

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

owner, name = {moment}
setattr(owner, name, die)
sys.argv = ["recsys", "train", "--lake", {lake!r}, "--spec", {spec!r}, "--var", {var!r}, "--out", {out!r}]
main()
"""
MOMENTS = {
    "while a recipe is fitted": "recsys.models.popular.Popular, 'fit'",
    "while the bundle is written": "recsys.bundle, '_manifest'",
    "when the bundle is uploaded and not registered": "training.tracking.tracker.MlflowClient, 'create_model_version'",
    "while the bundle is copied": "training.champion, 'flush'",
    "when the alias has moved and the pointer has not": "training.release, 'serve'",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake and a first champion."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "two.toml").write_text(SPEC)
    grow(folder / "lake", 0, 12)
    run(folder, State.at(folder / "var"))
    return folder


def run(folder: Path, state: State) -> Outcome:
    spec = load_spec(str(folder / "two.toml"))
    return train(Job(str(folder / "lake"), spec, state), Show(2, console=Console(quiet=True)))


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_killed_job_leaves_nothing_half_made_and_the_next_one_succeeds(
    trained: Path, tmp_path: Path, moment: str
) -> None:
    for name in ("lake", "var"):
        shutil.copytree(trained / name, tmp_path / name)
    shutil.copy(trained / "two.toml", tmp_path)
    state = State.at(tmp_path / "var")
    grow(tmp_path / "lake", 12, 14)
    before = state.champion.read_bytes()

    paths = {name: str(tmp_path / place) for name, place in PLACES.items()}
    code = DIE.format(moment=f"({moment})", **paths)
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert state.champion.read_bytes() == before
    assert not (tmp_path / "out").exists() or load_bundle(tmp_path / "out")
    for bundle in state.bundles.glob("[!.]*"):
        load_bundle(bundle)

    outcome = run(tmp_path, state)
    client = MlflowClient(tracking_uri=f"sqlite:///{state.tracking}")
    experiment = client.get_experiment_by_name("recsys")
    assert client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'") == []
    assert client.search_runs([experiment.experiment_id], "attributes.status = 'KILLED'") != []
    champion = Tracker(state).aliased(CHAMPION)
    assert read_served(state).version == champion.bundle
    assert outcome.version.number == Tracker(state).versions()[0].number
    assert [path for folder in (state.root, state.bundles, state.staging) for path in folder.glob(".*.part")] == []


PLACES = {"lake": "lake", "spec": "two.toml", "var": "var", "out": "out"}
