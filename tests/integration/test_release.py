"""From a gate's verdict to the alias, and the record of every move."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from rich.console import Console

from recsys.bundle import load_bundle, read_manifest
from recsys.errors import ConfigError, GateError, StoreError
from support.lakes import grow
from training import cli, release
from training.champion import read_served
from training.history import Move, history
from training.promotion import Decision
from training.show import Show
from training.spec import parse_spec
from training.state import State
from training.tracking import CHALLENGER, CHAMPION, Tracker
from training.train import Job, Outcome, train

COUNTING = {"name": "one", "models": {"popular": {"half_life_days": 36500.0}}}
TOO_LARGE = {**COUNTING, "gate": {"memory": {"disk_mb": 0.000001}}}


@pytest.fixture
def state(tmp_path: Path, schema: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("RECSYS_ACTOR", raising=False)
    monkeypatch.setattr("recsys.models.popular.HALF_LIVES", (36500.0,))  # the floor counts too: none is below it
    monkeypatch.chdir(tmp_path)
    found = State.at(tmp_path / "var")
    found.root.mkdir()
    shutil.copy(schema, found.tracking)
    grow(tmp_path / "lake", 0, 12)
    return found


def run(state: State, values: Any = COUNTING) -> Outcome:
    return train(Job(str(state.root.parent / "lake"), parse_spec(values), state), Show(1, console=Console(quiet=True)))


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["recsys", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def moves(state: State) -> list[Move]:
    tracker = Tracker(state)
    champion = tracker.aliased(CHAMPION)
    return history(tracker, None if champion is None else champion.number)


def told(state: State) -> list[tuple[str, str | None, str, bool]]:
    return [(move.how, move.before, move.after, move.done) for move in moves(state)]


def test_what_the_gate_found_is_in_the_manifest_in_the_registry_and_in_the_run(state: State) -> None:
    outcome = run(state)
    values = outcome.gate.values()
    assert values["passed"]
    assert {row["check"]: row["outcome"] for row in values["checks"]} == {
        "champion": "pass",
        "floor": "pass",
        "segments": "not measured",
        "coverage": "not measured",
        "fairness": "not measured",
        "calibration": "not measured",
        "latency": "pass",
        "memory": "pass",
        "drift": "not measured",
        "safety": "not measured",
    }
    assert read_manifest(Path(read_served(state).path)).gate == values
    assert release.gate_of(outcome.version) == values
    client = MlflowClient(tracking_uri=f"sqlite:///{state.tracking}")
    (experiment,) = client.search_experiments(filter_string="name = 'recsys'")
    parent = next(found for found in client.search_runs([experiment.experiment_id]) if found.info.run_name == "one")
    assert "gate.json" in {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}


def test_a_version_that_failed_its_gate_is_promoted_only_by_force_and_with_a_reason(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(state).manifest.version
    grow(state.root.parent / "lake", 12, 14)
    second = run(state, TOO_LARGE)
    assert not second.decision.promoted
    assert "Gate, memory: The bundle has" in second.decision.reason
    capsys.readouterr()

    def asked(name: str, *more: str) -> int:
        return command(monkeypatch, name, *more, "--var", state.root)

    assert asked("promote", "2") == 4
    assert "did not pass its gate. memory: The bundle has" in capsys.readouterr().err
    assert asked("promote", "2", "--force") == 2
    assert asked("promote", "2", "--force", "--reason", "  ") == 2
    assert read_served(state).version == first
    assert asked("promote", "2", "--force", "--reason", "the disk is larger now", "--actor", "editor") == 0
    assert load_bundle(Path(read_served(state).path)).version == second.manifest.version
    assert asked("rollback") == 0
    assert read_served(state).version == first
    assert asked("promote", "1", "--reason", "it passed") == 0

    capsys.readouterr()
    assert asked("history", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert [(row["how"], row["from"], row["to"]) for row in record] == [
        ("first", None, "1"),
        ("force", "1", "2"),
        ("rollback", "2", "1"),
        ("hand", "1", "1"),
    ]
    assert (record[1]["actor"], record[1]["reason"]) == ("editor", "the disk is larger now")
    assert record[0]["reason"].startswith("It is the first model")
    assert record[0]["at"] < record[1]["at"] < record[2]["at"]
    assert all(row["done"] for row in record)
    monkeypatch.setenv("COLUMNS", "160")
    assert asked("history") == 0
    assert "the disk is larger now" in capsys.readouterr().out


def test_an_automatic_promotion_is_recorded_with_its_reason(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_ACTOR", "nightly")
    run(state)
    grow(state.root.parent / "lake", 12, 14)
    run(state)
    assert told(state) == [("first", None, "1", True), ("gate", "1", "2", True)]
    assert (moves(state)[1].actor, "newer data" in moves(state)[1].reason) == ("nightly", True)


def test_a_version_without_a_gate_result_is_not_promoted_without_force(state: State) -> None:
    version = run(state).version
    client = MlflowClient(tracking_uri=f"sqlite:///{state.tracking}")
    client.delete_model_version_tag("recsys", version.number, release.GATE)
    bare = Tracker(state).version("1")
    with pytest.raises(GateError, match="has no gate result"):
        release.allow(bare, force=False)
    release.allow(bare, force=True)


def test_a_version_is_not_promoted_over_a_champion_it_was_not_compared_with(state: State) -> None:
    outcome = run(state)
    tracker = Tracker(state)
    bundle = Path(read_served(state).path)
    decision = release.settle(state, tracker, outcome.version, bundle, Decision(True, "better"), judged="7")
    assert not decision.promoted
    assert "Version 1 became champion while this one was made" in decision.reason


def test_a_move_that_was_recorded_and_not_made_is_told(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    run(state)
    run(state)
    tracker = Tracker(state)

    def fail(*args: object) -> None:
        raise StoreError("the network went.")

    with monkeypatch.context() as broken:
        broken.setattr(Tracker, "set_alias", fail)
        with pytest.raises(StoreError):
            release.promote(state, tracker, tracker.version("2"))
    assert told(state) == [("first", None, "1", True), ("hand", "1", "2", False)]
    release.promote(state, tracker, tracker.version("2"))
    assert told(state)[1:] == [("hand", "1", "2", False), ("hand", "1", "2", True)]
    assert {v.number: v.aliases for v in tracker.versions()} == {"2": (CHAMPION,), "1": ()}


def test_a_challenger_stays_one_until_it_is_promoted(state: State) -> None:
    run(state)
    run(state)
    assert Tracker(state).version("2").aliases == (CHALLENGER,)
    assert told(state) == [("first", None, "1", True)]


def test_a_reason_has_a_limit(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(state)
    assert command(monkeypatch, "promote", "1", "--reason", "x" * 2001, "--var", state.root) == ConfigError.exit_code
    assert "at most 2000" in capsys.readouterr().err
