"""Two trainings on a small lake, and what ``recsys compare`` and ``recsys report`` make of them."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console

from recsys.bundle import load_bundle
from recsys.errors import ConfigError, StoreError
from recsys.lake import Lake
from support.lakes import grow_by_taste
from training import cli
from training.card import CARD
from training.champion import read_served
from training.measured import PLACE
from training.runs import Archive
from training.show import Show
from training.spec import load_spec, parse_spec
from training.state import State
from training.tracking import Tracker
from training.train import Job, Outcome, train

SPEC = {"name": "small", "models": {"popular": {}, "slow": {"recipe": "popular", "half_life_days": 900.0}}}


@dataclass(frozen=True)
class Trained:
    state: State
    first: Outcome
    second: Outcome


grow = partial(grow_by_taste, users=60, name="person-")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        state = State.at(folder / "var")
        items = {"item_id": [f"i{i:02}" for i in range(30)], "title": [f"作品 <{i}>" for i in range(30)]}
        Lake(folder / "lake").append("items", pa.table(items))
        grow(folder / "lake", 0, 12)
        outcomes = []
        for days in ((12, 15), None):
            spec = parse_spec(SPEC)
            quiet = Show(len(spec.models), console=Console(quiet=True))
            outcomes.append(train(Job(str(folder / "lake"), spec, state), quiet))
            if days is not None:
                grow(folder / "lake", *days)
        yield Trained(state, *outcomes)


def recsys(trained: Trained, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(sys, "argv", ["recsys", *arguments, "--var", str(trained.state.root)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def archive(trained: Trained) -> Archive:
    return Archive(Tracker(trained.state))


def test_a_run_is_found_by_each_of_its_names(trained: Trained) -> None:
    runs = archive(trained)
    first, second = (outcome.version for outcome in (trained.first, trained.second))
    assert first.run != second.run
    for wanted in (first.run, first.run[:8], "1", first.bundle):
        assert runs.find(wanted).training.id == first.run
    for wanted in ("small", "2"):  # the newest of that name
        assert runs.find(wanted).training.id == second.run


def test_a_run_stands_for_its_winner_and_a_section_for_itself(trained: Trained) -> None:
    runs = archive(trained)
    assert runs.find("1").section.name == trained.first.contest.best.section
    slow = runs.find("1/slow")
    assert (slow.training.id, slow.section.name, slow.label) == (trained.first.version.run, "slow", "1/slow")
    assert runs.find(slow.section.id).training.id == trained.first.version.run
    with pytest.raises(StoreError, match="no section 'fast'; it has: "):
        runs.find("1/fast")


def test_a_name_that_nothing_has_is_refused(trained: Trained) -> None:
    with pytest.raises(StoreError, match="knows no run 'nothing'"):
        archive(trained).find("nothing")
    if not any("challenger" in version.aliases for version in Tracker(trained.state).versions()):
        with pytest.raises(StoreError, match="There is no challenger yet"):
            archive(trained).find("challenger")


def test_sections_of_one_run_are_compared_and_the_result_is_kept_with_it(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, page = tmp_path / "c.json", tmp_path / "c.html"
    assert recsys(trained, monkeypatch, "compare", "2/popular", "2/slow", "--json", str(out), "--html", str(page)) == 0
    told = capsys.readouterr().out
    assert "2/slow ÷ 2/popular" in told
    assert "ndcg@10" in told
    (pair,) = json.loads(out.read_text("utf-8"))["pairs"]
    contest = trained.second.contest
    test = {trial.section: trial.test for trial in contest.trials}
    found = pair["groups"][0]["metrics"]["ndcg@10"]
    assert found["base"] == pytest.approx(test["popular"].mean("ndcg@10"))
    assert found["mean"] == pytest.approx(test["slow"].mean("ndcg@10"))
    tracker = Tracker(trained.state)
    kept = tracker.artifact(trained.second.version.run, "comparisons", tmp_path)
    assert kept is not None
    assert {path.name for path in kept.iterdir()} == {"2-popular vs 2-slow.json", "2-popular vs 2-slow.html"}


def test_runs_on_different_lake_versions_are_refused_in_a_sentence(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "c.json"
    code = recsys(trained, monkeypatch, "compare", "1", "2", "--json", str(out))
    assert code == ConfigError.exit_code
    err = capsys.readouterr().err
    assert "not measured on the same queries" in err
    assert "the lake version of events (0 and 1)" in err
    assert not out.exists()


def test_no_user_id_lies_in_what_a_run_keeps(trained: Trained, tmp_path: Path) -> None:
    tracker = Tracker(trained.state)
    for found in tracker.runs():
        for name in (PLACE, "report.json", "report.html", "comparison.json"):
            home = tmp_path / found.id / name.replace(".", "-")
            home.mkdir(parents=True)
            kept = tracker.artifact(found.id, name, home)
            assert (kept is not None) == ((found.parent is not None) == (name == PLACE))
        assert not any(b"person-" in path.read_bytes() for path in (tmp_path / found.id).rglob("*") if path.is_file())


def test_the_report_is_built_again_from_what_the_run_kept(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    assert recsys(trained, monkeypatch, "report", "1/slow", "--out", str(out), "--open", "no") == 0
    text = out.read_text("utf-8")
    kept = Tracker(trained.state).artifact(trained.first.version.run, "report.html", tmp_path)
    assert kept is not None
    assert kept.read_text("utf-8") == text
    assert "version 1 became champion" in text
    assert "作品 &lt;" in text
    assert "作品 <" not in text


def test_the_spec_that_a_run_keeps_is_the_one_it_was_trained_with(trained: Trained, tmp_path: Path) -> None:
    kept = Tracker(trained.state).artifact(trained.first.version.run, "report.json", tmp_path)
    assert kept is not None
    spec = tmp_path / "spec.toml"
    spec.write_text(json.loads(kept.read_text("utf-8"))["toml"], "utf-8")
    assert load_spec(str(spec)) == parse_spec(SPEC)


def test_a_place_that_cannot_be_written_is_told(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recsys(trained, monkeypatch, "report", "1", "--out", str(tmp_path / "no" / "report.html")) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_served_bundle_holds_its_model_card(trained: Trained) -> None:
    served = read_served(trained.state)
    assert served is not None
    bundle = load_bundle(Path(served.path))
    assert CARD in bundle.manifest.files
    text = (bundle.path / CARD).read_text("utf-8")
    assert f"`{bundle.manifest.recipe['recipe']}`" in text
    assert "person-" not in text
    assert f"events version {bundle.manifest.lake_versions['events']}" in text
