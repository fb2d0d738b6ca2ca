"""The scheduled job: idempotent, alone, and safe to kill at any moment."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from recsys.bundle import load_bundle
from recsys.errors import BundleError, GateError
from support.lakes import grow, leftovers
from training import cli, release
from training.champion import read_served
from training.lock import Busy, alone
from training.retrain import Options, Result, retrain
from training.show import Show
from training.spec import load_spec
from training.state import State
from training.tracking import CHALLENGER, CHAMPION, Tracker
from training.train import Job

SPEC = "[models.popular]\nhalf_life_days = 36500.0\n[gate.floor]\nat_least = 0.01\n"
HOLD = """
import sys, time
from pathlib import Path
from training.lock import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(300)
"""
DIE = """
import os, signal, sys
import recsys.models.popular, training.prune, training.train
from training.cli import main

recsys.models.popular.HALF_LIVES = (36500.0,)

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

owner, name = {moment}
setattr(owner, name, die)
sys.argv = ["recsys", "retrain", "--lake", {lake!r}, "--spec", {spec!r}, "--var", {var!r}, "--keep", "1"]
main()
"""
MOMENTS = {
    "when the bundle is written and not judged": "training.train, 'judge'",
    "when the version is registered and not settled": "training.train.release, 'settle'",
    "when the move is recorded and not made": "training.tracking.Tracker, 'set_alias'",
    "when the alias has moved and the pointer has not": "training.release, 'serve'",
    "when a version is marked and its bundle not deleted": "training.tracking.Tracker, 'discard'",
    "while a bundle is deleted": "training.prune.shutil, 'rmtree'",
}
PATHS = {
    "model_versions": "source",
    "model_version_tags": "value",
    "runs": "artifact_uri",
    "experiments": "artifact_location",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lake and two versions, the second of them champion."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "spec.toml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recsys.models.popular.HALF_LIVES", (36500.0,))
        for first, last in ((0, 12), (12, 13)):
            grow(folder / "lake", first, last)
            assert run(folder).done == "trained"
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, to change; what MLflow stored as absolute paths is made to point here."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("recsys.models.popular.HALF_LIVES", (36500.0,))
    for name in ("lake", "var"):
        shutil.copytree(trained / name, tmp_path / name)
    shutil.copy(trained / "spec.toml", tmp_path)
    move(tmp_path / "var" / "mlflow.db", str(trained), str(tmp_path))
    served = tmp_path / "var" / "champion.json"
    served.write_text(served.read_text().replace(str(trained), str(tmp_path)))
    return tmp_path


def move(database: Path, old: str, new: str) -> None:
    with sqlite3.connect(database) as file:
        for table, column in (
            ("model_versions", "source"),
            ("runs", "artifact_uri"),
            ("experiments", "artifact_location"),
        ):
            file.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, new))
        file.execute("UPDATE model_version_tags SET value = replace(value, ?, ?)", (old, new))
    file.close()


def run(folder: Path, **options: Any) -> Result:
    job = Job(str(folder / "lake"), load_spec(str(folder / "spec.toml")), State.at(folder / "var"))
    return retrain(job, Options(**options), Show(1, console=Console(quiet=True)))


def aliases(folder: Path) -> dict[str, tuple[str, ...]]:
    return {version.number: version.aliases for version in Tracker(State.at(folder / "var")).versions()}


def test_nothing_new_is_told_and_nothing_done(folder: Path) -> None:
    before = (folder / "var" / "champion.json").read_bytes()
    result = run(folder)
    assert result.done == "nothing new"
    assert result.sentence.startswith("Nothing is new: version 2 was made by this spec and code from ")
    assert aliases(folder) == {"2": (CHAMPION,), "1": ()}
    assert (folder / "var" / "champion.json").read_bytes() == before


def test_new_events_are_trained_on_and_promoted_through_the_gate(folder: Path) -> None:
    grow(folder / "lake", 13, 15)
    result = run(folder)
    assert (result.done, result.outcome.decision.promoted) == ("trained", True)
    assert aliases(folder) == {"3": (CHAMPION,), "2": (), "1": ()}
    assert run(folder).done == "nothing new"


def test_below_min_events_nothing_is_done(folder: Path) -> None:
    grow(folder / "lake", 13, 14)  # 10 events
    result = run(folder, min_events=11)
    assert (result.done, "10 events are new since version 2" in result.sentence) == ("nothing new", True)
    assert run(folder, min_events=10).done == "trained"


def test_another_spec_is_new_though_the_data_is_not(folder: Path) -> None:
    (folder / "spec.toml").write_text(SPEC + "[gate.latency]\np99_ms = 9999.0\n")
    result = run(folder, min_events=1000)
    assert (result.done, "nothing changed" in result.sentence) == ("trained", True)
    assert run(folder).done == "nothing new"  # a challenger counts: it would be made again and again


def test_a_second_start_leaves_with_a_sentence_and_a_killed_holder_locks_nobody_out(folder: Path) -> None:
    lock = folder / "var" / "retrain.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        result = run(folder)
        assert result.done == "busy"
        assert f"Another retrain is at work (process {holder.pid} holds" in result.sentence
        holder.kill()
    assert run(folder).done == "nothing new"


def test_a_lock_is_let_go_at_the_end_of_its_block_and_after_an_error(tmp_path: Path) -> None:
    with alone(tmp_path / "lock"), pytest.raises(Busy):
        enter(tmp_path / "lock")
    with pytest.raises(RuntimeError):
        enter(tmp_path / "lock", RuntimeError())
    enter(tmp_path / "lock")


def enter(lock: Path, error: Exception | None = None) -> None:
    with alone(lock):
        if error is not None:
            raise error


def test_drift_that_blocks_trains_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(folder / "lake", 13, 17, users=60, kind="bot")
    with pytest.raises(GateError, match=r"Drift that blocks: .*events\.kind psi.* Nothing was trained"):
        run(folder)
    assert aliases(folder) == {"2": (CHAMPION,), "1": ()}
    result = run(folder, despite_drift=True)
    assert not result.outcome.decision.promoted
    assert "Gate, drift: Drift that blocks" in result.outcome.decision.reason
    assert aliases(folder) == {"3": (CHALLENGER,), "2": (CHAMPION,), "1": ()}


def test_old_bundles_are_pruned_and_champion_previous_and_newest_kept(folder: Path) -> None:
    state = State.at(folder / "var")
    tracker = Tracker(state)
    for first in (13, 14, 15):
        grow(folder / "lake", first, first + 1)
        result = run(folder, keep=1)
    assert result.pruned == ["3"]  # 1 and 2 went before
    kept = {version.number for version in tracker.versions() if release.PRUNED not in version.tags}
    assert kept == {"5", "4"}
    bundles = {tracker.version(number).bundle for number in kept}
    assert {path.name for path in state.bundles.iterdir()} == bundles
    uploaded = {v.number for v in tracker.versions() if Path(v.source.removeprefix("file://")).exists()}
    assert uploaded == kept
    release.rollback(state, tracker)
    assert read_served(state).version == tracker.version("4").bundle
    with pytest.raises(BundleError, match="was pruned"):
        release.promote(state, tracker, tracker.version("3"))


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_killed_retrain_leaves_nothing_half_made_and_the_next_one_completes(folder: Path, moment: str) -> None:
    state = State.at(folder / "var")
    grow(folder / "lake", 13, 15)
    paths = {"lake": str(folder / "lake"), "spec": str(folder / "spec.toml"), "var": str(state.root)}
    code = DIE.format(moment=f"({moment})", **paths)
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert load_bundle(Path(read_served(state).path))
    for bundle in state.bundles.glob("[!.]*"):
        load_bundle(bundle)

    run(folder, keep=1)
    tracker = Tracker(state)
    champion = tracker.aliased(CHAMPION)
    assert champion.candidate.lake_versions == {"events": 2}
    assert read_served(state).version == champion.bundle
    assert run(folder, keep=1).done == "nothing new"
    assert leftovers(state) == []
    alive = {v.number for v in tracker.versions() if release.PRUNED not in v.tags}
    assert alive == {champion.number, champion.tags[release.PREVIOUS], tracker.versions()[0].number}
    assert {path.name for path in state.bundles.iterdir()} <= {tracker.version(number).bundle for number in alive}


def test_the_command_says_what_it_did(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["retrain", "--lake", folder / "lake", "--spec", folder / "spec.toml", "--var", folder / "var"]

    def command(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["recsys", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return int(left.value.code or 0)

    assert command(*asked) == 0
    assert "Nothing is new: version 2" in capsys.readouterr().out
    grow(folder / "lake", 13, 17, users=60, kind="bot")
    assert command(*asked) == 4
    assert "Drift that blocks" in capsys.readouterr().err
    page, values = folder / "drift.html", folder / "drift.json"
    drift = ["drift", "--lake", folder / "lake", "--var", folder / "var", "--html", page, "--json", values]
    assert command(*drift) == 4
    assert "lists.items js" in page.read_text().replace(" <small>", " ").replace("</small>", "")
    assert '"verdict": "block"' in values.read_text()
    assert command(*drift, "--from", "1", "--to", "1") == 0
