"""Where a run's data comes from, and of which code it is the run."""

import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from recsys.lake import Lake
from training.record import git_revision
from training.source import open_source
from training.spec import parse_spec
from training.state import State

SPEC = parse_spec({"models": {"popular": {}}, "split": {"strategy": "random"}})


def fill(lake: Path, items: str) -> None:
    """Eight users who each had eight items, called after ``items``."""
    pairs = [(f"u{user}", f"{items}{item}") for user in range(8) for item in range(8)]
    columns = {
        "event_id": [u + i for u, i in pairs],
        "user_id": [u for u, _ in pairs],
        "item_id": [i for _, i in pairs],
    }
    Lake(lake).append("events", pa.table({**columns, "kind": ["view"] * len(pairs)}))


def test_a_lake_that_is_deleted_and_made_anew_is_prepared_again(tmp_path: Path) -> None:
    state = State(tmp_path / "var")
    fill(tmp_path / "lake", "old")
    before = open_source(str(tmp_path / "lake"), SPEC, state)
    shutil.rmtree(tmp_path / "lake")
    fill(tmp_path / "lake", "new")
    after = open_source(str(tmp_path / "lake"), SPEC, state)
    assert before.versions == after.versions
    assert before.ids != after.ids
    assert (before.data.catalogue.ids[0], after.data.catalogue.ids[0]) == ("old0", "new0")


def test_a_lake_is_the_same_by_whatever_path_it_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State(tmp_path / "var")
    fill(tmp_path / "lake", "i")
    (tmp_path / "link").symlink_to(tmp_path / "lake")
    monkeypatch.chdir(tmp_path)
    places = {open_source(name, SPEC, state).lake for name in ("lake", "link", "var/../lake", str(tmp_path / "lake"))}
    assert places == {str(tmp_path.resolve() / "lake")}
    assert len(list((tmp_path / "var" / "prepared").glob("[!.]*"))) == 1


def test_the_revision_is_that_of_the_code_and_not_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(__file__).parents[2]
    told = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True)
    monkeypatch.chdir(tmp_path)
    assert git_revision() == (told.stdout.strip() or None)
