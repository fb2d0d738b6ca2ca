import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from mlflow import MlflowClient
from rich.console import Console

from recsys.bundle import MANIFEST, load_bundle, sha256_of
from recsys.errors import BundleError, FitError, StoreError
from recsys.lake import Lake
from recsys.models.popular import Popular
from support.lakes import START, grow_by_taste
from training import cli, release
from training.champion import read_served
from training.show import Show
from training.spec import RunSpec, load_spec, parse_spec
from training.state import State
from training.tracking import CHALLENGER, CHAMPION, HOST, PID, Tracker
from training.train import Job, Outcome, train

COUNTING = {"name": "one", "models": {"popular": {"half_life_days": 36500.0}}}


grow = partial(grow_by_taste, users=150)


@pytest.fixture
def state(tmp_path: Path, schema: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    found = State.at(tmp_path / "var")
    found.root.mkdir()
    shutil.copy(schema, found.tracking)
    grow(tmp_path / "lake", 0, 15)
    yield found
    assert list((tmp_path / "cwd").iterdir()) == [], "a job writes into its working directory"


def run(state: State, spec: RunSpec | None = None, **options: Any) -> Outcome:
    spec = spec or parse_spec(COUNTING)
    quiet = Show(len(spec.models), console=Console(quiet=True))
    return train(Job(str(state.root.parent / "lake"), spec, state, **options), quiet)


def aliases(state: State) -> dict[str, tuple[str, ...]]:
    return {version.number: version.aliases for version in Tracker(state).versions()}


def leftovers(state: State) -> list[Path]:
    return [path for folder in (state.root, state.bundles, state.staging) for path in folder.glob(".*.part")]


def test_the_first_model_is_published_and_served(state: State) -> None:
    outcome = run(state)
    served = read_served(state)
    assert served is not None
    assert load_bundle(Path(served.path)).version == served.version == outcome.manifest.version
    assert served.manifest_sha256 == sha256_of(Path(served.path) / MANIFEST)
    assert aliases(state) == {"1": (CHAMPION,)}
    assert leftovers(state) == []


def test_what_is_published_was_fitted_again_on_all_events(state: State) -> None:
    outcome = run(state)
    served = read_served(state)
    assert served is not None
    (model,) = load_bundle(Path(served.path)).pipeline.sources
    assert model.scores.sum() == pytest.approx(2250, rel=1e-3)  # 150 users on 15 days, hardly decayed
    assert outcome.manifest.refit


def test_the_manifest_says_what_was_measured_on_which_data(state: State) -> None:
    manifest = run(state).manifest
    assert manifest.recipe == {"recipe": "popular", "half_life_days": 36500.0}
    assert manifest.lake == str(state.root.parent / "lake")
    assert manifest.lake_versions == {"events": 0}
    assert manifest.split == "time 80/10/10"
    assert manifest.metrics["test"]["groups"]["all"]["metrics"]["ndcg@10"]["mean"] > 0
    assert manifest.at == (START + timedelta(days=14, minutes=149)).timestamp()
    assert manifest.policy == "open"


def test_a_lake_with_labels_asks_for_the_strict_policy(state: State) -> None:
    labelled = pa.table({"item_id": ["i00"], "labels": pa.array([["safe"]], pa.list_(pa.string()))})
    Lake(state.root.parent / "lake").append("items", labelled)
    assert run(state).manifest.policy == "strict"


def test_every_recipe_is_a_run_under_one_parent(state: State) -> None:
    spec = parse_spec({"name": "two", "models": {"popular": {}, "slow": {"recipe": "popular", "half_life_days": 90.0}}})
    run(state, spec)
    client = MlflowClient(tracking_uri=f"sqlite:///{state.tracking}")
    experiment = client.get_experiment_by_name("recsys")
    runs = {found.info.run_name: found for found in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"two", "popular", "slow"}
    assert {found.info.status for found in runs.values()} == {"FINISHED"}
    assert runs["slow"].data.tags["mlflow.parentRunId"] == runs["two"].info.run_id
    assert runs["slow"].data.params == {"recipe": "popular", "half_life_days": "90.0"}
    assert runs["popular"].data.params["half_life_days"] != "None"
    assert runs["slow"].data.metrics["test.ndcg_at_10"] > 0
    assert runs["two"].data.params["lake.versions.events"] == "0"
    names = {artifact.path for artifact in client.list_artifacts(runs["two"].info.run_id)}
    assert names == {"bundle", "comparison.json", "gate.json", "plots", "report.html", "report.json"}


def test_nothing_new_keeps_the_champion_and_still_writes_out(state: State, tmp_path: Path) -> None:
    run(state)
    before = state.champion.read_bytes()
    outcome = run(state, out=tmp_path / "mine")
    assert "nothing changed" in outcome.decision.reason
    assert aliases(state) == {"2": (CHALLENGER,), "1": (CHAMPION,)}
    assert state.champion.read_bytes() == before
    assert load_bundle(tmp_path / "mine").version == outcome.manifest.version


@pytest.fixture
def counting_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The floor chooses to count, as ``COUNTING`` does: no model is below it by chance."""
    monkeypatch.setattr("recsys.models.popular.HALF_LIVES", (36500.0,))


@pytest.mark.usefixtures("counting_floor")
def test_the_same_recipe_on_newer_data_is_promoted_and_can_be_rolled_back(state: State) -> None:
    first = run(state).manifest.version
    grow(state.root.parent / "lake", 15, 17)
    second = run(state)
    assert "newer data" in second.decision.reason
    assert read_served(state).version == second.manifest.version
    assert release.rollback(state, Tracker(state)).version == first
    assert read_served(state).version == first
    with pytest.raises(StoreError, match="no earlier champion"):
        release.rollback(state, Tracker(state))


def test_the_champions_recipe_is_refitted_and_compared_on_this_runs_slice(state: State) -> None:
    # "fresh" forgets within minutes, so that it ranks by the last event alone: worse than counting
    run(state, parse_spec({"models": {"fresh": {"recipe": "popular", "half_life_days": 0.001}}}))
    better = run(state)
    assert better.decision.promoted
    assert "Against the champion it makes" in better.decision.reason
    worse = run(state, parse_spec({"models": {"popular": {"half_life_days": 0.001}}}))
    assert not worse.decision.promoted
    assert aliases(state) == {"3": (CHALLENGER,), "2": (CHAMPION,), "1": ()}


def test_a_challenger_can_be_promoted_by_hand(state: State) -> None:
    run(state)
    challenger = run(state)
    tracker = Tracker(state)
    release.promote(state, tracker, tracker.version(challenger.manifest.version))
    assert aliases(state) == {"2": (CHAMPION,), "1": ()}
    assert read_served(state).version == challenger.manifest.version


def test_windows_are_pooled(state: State) -> None:
    spec = parse_spec({"split": {"windows": 2}, "models": {"popular": {}}})
    outcome = run(state, spec)
    assert len(outcome.contest.best.pooled_test.users) == 300  # 150 users in each window
    metrics = outcome.manifest.metrics
    assert {name: metrics[name]["groups"]["all"]["n"] for name in ("test", "pooled_test")} == {
        "test": 150,
        "pooled_test": 300,
    }
    assert outcome.manifest.split == "time 80/10/10, window 2 of 2"


def test_a_bundle_falls_back_to_popular(state: State) -> None:
    spec = load_spec("fast")
    als = run(state, parse_spec({"models": {"als": spec.models["als"].params()}}))
    assert als.manifest.sources == ("0-als", "1-popular")


@pytest.mark.usefixtures("counting_floor")
def test_the_same_recipe_on_a_lake_made_anew_is_fitted_on_it_and_stays_challenger(state: State) -> None:
    run(state)
    shutil.rmtree(state.root.parent / "lake")
    grow(state.root.parent / "lake", 0, 12)
    outcome = run(state)
    assert outcome.manifest.lake_versions == {"events": 0}
    assert outcome.manifest.at == (START + timedelta(days=11, minutes=149)).timestamp()
    assert "made anew" in outcome.decision.reason
    assert aliases(state) == {"2": (CHALLENGER,), "1": (CHAMPION,)}


@pytest.mark.usefixtures("counting_floor")
def test_a_champion_that_cannot_be_served_is_no_reason_not_to_train(state: State) -> None:
    version = run(state).version
    shutil.rmtree(state.bundles)
    (Path(version.source.removeprefix("file://")) / MANIFEST).unlink()
    grow(state.root.parent / "lake", 15, 17)
    assert run(state).decision.promoted
    assert load_bundle(Path(read_served(state).path))


def test_a_served_bundle_of_an_older_format_is_no_reason_not_to_train(state: State) -> None:
    served = state.root / "elsewhere"
    served.mkdir()
    (served / MANIFEST).write_text('{"format": 0}')
    state.champion.write_text(json.dumps({"version": "old", "path": str(served), "manifest_sha256": "0"}))
    assert run(state).decision.promoted


def test_a_champion_whose_recipe_is_unknown_here_stays(state: State) -> None:
    version = run(state).version
    client = MlflowClient(tracking_uri=f"sqlite:///{state.tracking}")
    client.set_model_version_tag("recsys", version.number, "recipe", '{"recipe": "of_a_plug_in"}')
    outcome = run(state, parse_spec({"models": {"popular": {}}}))
    assert "was not compared" in outcome.decision.reason
    assert aliases(state) == {"2": (CHALLENGER,), "1": (CHAMPION,)}


def test_a_recipe_that_reports_steps_without_figures_is_recorded(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = Popular.fit

    def reporting(self: Popular, data: Any, ctx: Any) -> Any:
        ctx.report(1, {})
        return fit(self, data, ctx)

    monkeypatch.setattr(Popular, "fit", reporting)
    assert run(state).decision.promoted


def test_event_kinds_of_any_spelling_are_recorded(state: State) -> None:
    kinds = {"点赞 & co/../": {"weight": 2.0}, "k" * 300: {}}
    assert run(state, parse_spec({**COUNTING, "events": kinds})).decision.promoted


def test_a_place_for_out_that_cannot_be_written_is_refused_before_anything_runs(state: State, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StoreError, match="cannot be put at"):
        run(state, out=tmp_path / "file" / "bundle")
    with pytest.raises(BundleError, match="holds no bundle"):
        run(state, out=tmp_path / "cwd", force=True)
    assert aliases(state) == {}


def test_files_of_a_person_beside_out_stay(state: State, tmp_path: Path) -> None:
    mine = [tmp_path / name for name in (".mydata.2019.part", ".mydata.new.999999999.part", ".out.999999999.part")]
    for path in mine:
        path.write_text("mine")
    (tmp_path / ".out.new.999999999.part").mkdir()
    run(state, out=tmp_path / "out")
    assert all(path.exists() for path in mine)
    assert not (tmp_path / ".out.new.999999999.part").exists()


def test_versions_are_listed_with_what_they_made_on_test(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = run(state)
    monkeypatch.setenv("COLUMNS", "160")
    assert command(monkeypatch, "models", "--var", state.root) == 0
    assert f"ndcg@10 {outcome.contest.best.test.mean('ndcg@10'):.4f}" in capsys.readouterr().out


def test_an_existing_out_is_refused_before_anything_runs(state: State, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(BundleError, match="--force"):
        run(state, out=tmp_path / "mine")
    assert aliases(state) == {}


def test_force_writes_over_out(state: State, tmp_path: Path) -> None:
    run(state, out=tmp_path / "mine")
    again = run(state, out=tmp_path / "mine", force=True)
    assert load_bundle(tmp_path / "mine").version == again.manifest.version
    assert list(tmp_path.glob(".mine*")) == []


def test_a_recipe_that_cannot_be_fitted_fails_its_run_and_publishes_nothing(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise FitError("popular cannot be fitted.")

    monkeypatch.setattr(Popular, "fit", fail)
    with pytest.raises(FitError):
        run(state)
    client = MlflowClient(tracking_uri=f"sqlite:///{state.tracking}")
    experiment = client.get_experiment_by_name("recsys")
    assert {found.info.status for found in client.search_runs([experiment.experiment_id])} == {"FAILED"}
    assert read_served(state) is None
    assert aliases(state) == {}
    assert leftovers(state) == []


def test_a_run_that_a_dead_process_left_open_is_closed_as_killed(state: State) -> None:
    tracker = Tracker(state)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with tracker.run("mine") as mine:
        client = MlflowClient(tracking_uri=tracker.uri)
        experiment = client.get_run(mine.id).info.experiment_id
        tags = {HOST: client.get_run(mine.id).data.tags[HOST], PID: str(dead.pid)}
        left = client.create_run(experiment, tags=tags)
        assert tracker.close_killed() == 1
        assert client.get_run(left.info.run_id).info.status == "KILLED"
        assert client.get_run(mine.id).info.status == "RUNNING"


def test_following_a_registry_mirrors_its_champion(state: State, tmp_path: Path) -> None:
    version = run(state).manifest.version
    here = State.at(tmp_path / "elsewhere")
    tracker = Tracker(here, f"sqlite:///{state.tracking}")
    assert release.mirror(here, tracker).version == version
    assert load_bundle(here.bundles / version).version == version
    assert release.mirror(here, tracker) is None  # served already


@pytest.mark.usefixtures("counting_floor")
def test_following_refuses_an_altered_bundle_and_keeps_what_is_served(state: State, tmp_path: Path) -> None:
    run(state)
    here = State.at(tmp_path / "elsewhere")
    release.mirror(here, Tracker(here, f"sqlite:///{state.tracking}"))
    before = here.champion.read_bytes()
    grow(state.root.parent / "lake", 15, 17)
    run(state)
    version = Tracker(state).aliased(CHAMPION)
    items = Path(version.source.removeprefix("file://")) / "items.arrow"
    items.write_bytes(items.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleError, match="sha256"):
        release.mirror(here, Tracker(here, f"sqlite:///{state.tracking}"))
    assert here.champion.read_bytes() == before
    assert leftovers(here) == []


def test_following_a_registry_without_a_champion_says_so(state: State, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no champion yet"):
        release.mirror(State.at(tmp_path / "elsewhere"), Tracker(state))


def test_a_server_that_cannot_be_reached_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    tracker = Tracker(State.at(tmp_path), "http://me:secret@127.0.0.1:9")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9") as caught:
        tracker.versions()
    assert "secret" not in str(caught.value)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["recsys", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def test_require_champion_exits_with_four_where_the_champion_stays(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec = tmp_path / "one.toml"
    spec.write_text("[models.popular]\nhalf_life_days = 36500.0\n")
    asked = ("train", "--lake", tmp_path / "lake", "--spec", spec, "--var", state.root, "--require-champion")
    assert command(monkeypatch, *asked) == 0
    assert "Version 1" in capsys.readouterr().out
    assert command(monkeypatch, *asked) == 4
    captured = capsys.readouterr()
    assert "is challenger" in captured.out
    assert "nothing changed" in captured.err


def test_evaluate_measures_a_spec_and_publishes_nothing(
    state: State, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spec, out = tmp_path / "one.toml", tmp_path / "result.json"
    spec.write_text("[models.popular]\n")
    state.tracking.unlink()
    asked = ("evaluate", "--lake", tmp_path / "lake", "--spec", spec, "--var", state.root, "--json", out)
    assert command(monkeypatch, *asked) == 0
    result = json.loads(out.read_text())
    assert result["winner"] == "popular"
    assert result["models"]["popular"]["ratio_to_popular"] == {"ratio": 1.0, "low": 1.0, "high": 1.0}
    assert f"{result['models']['popular']['test']['groups']['all']['metrics']['ndcg@10']['mean']:.3f}" in (
        capsys.readouterr().out
    )
    assert not state.tracking.exists()
    assert read_served(state) is None


def test_a_bundle_is_evaluated_by_its_recipe_and_never_on_events_it_has_seen(
    state: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trained = run(state, out=tmp_path / "mine").manifest
    out = tmp_path / "result.json"
    asked = ("--lake", tmp_path / "lake", "--spec", "fast", "--bundle", tmp_path / "mine", "--json", out)
    assert command(monkeypatch, "evaluate", *asked, "--var", state.root) == 0
    measured = json.loads(out.read_text())["models"]["bundle"]
    assert measured["recipe"] == trained.recipe
    mean = trained.metrics["test"]["groups"]["all"]["metrics"]["ndcg@10"]["mean"]
    assert measured["test"]["groups"]["all"]["metrics"]["ndcg@10"]["mean"] == pytest.approx(mean)
