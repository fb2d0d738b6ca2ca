"""What is served: ``champion.json``, replaced atomically, points to a verified bundle under ``bundles/``."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from recsys.bundle import MANIFEST, load_bundle, read_manifest, sha256_of
from recsys.durable import flush
from recsys.errors import BundleError, StoreError
from training.state import State


@dataclass(frozen=True)
class Served:
    """What ``champion.json`` says. ``path`` is absolute."""

    version: str  # of the bundle's manifest
    path: str
    manifest_sha256: str


def read_served(state: State) -> Served | None:
    """The bundle that is served, None where there is none yet; BundleError where the file is no pointer."""
    try:
        values = json.loads(state.champion.read_text(encoding="utf-8"))
        return Served(str(values["version"]), str(values["path"]), str(values["manifest_sha256"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{state.champion} is no pointer to a bundle ({error}); delete it and promote again."
        ) from None


def install(state: State, bundle: Path) -> Path:
    """Copy a bundle to ``bundles/<version>``, verified; a whole one that is there already is kept."""
    home = state.bundles / read_manifest(bundle).version
    same = home.is_dir() and sha256_of(home / MANIFEST) == sha256_of(bundle / MANIFEST)
    if not (same and is_whole(home)):
        copy_bundle(bundle, home)
    return home


def is_whole(bundle: Path) -> bool:
    """Whether a folder is a bundle that passes all its checks."""
    try:
        load_bundle(bundle)
    except BundleError:
        return False
    return True


def serve(state: State, home: Path) -> Served:
    """Point ``champion.json`` to an installed bundle: readers see the old pointer or the new one, never a half."""
    served = Served(read_manifest(home).version, str(home), sha256_of(home / MANIFEST))
    draft = draft_of(state.champion)
    try:
        with draft.open("w", encoding="utf-8") as file:
            json.dump(asdict(served), file, indent=2, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(state.champion)
        flush(state.root)
    except OSError as error:
        raise StoreError(f"{state.champion} cannot be replaced: {error}.") from None
    return served


def copy_bundle(bundle: Path, target: Path) -> None:
    """Copy a bundle; the copy is verified, flushed to disk, and then appears whole, in place of what was there."""
    draft, old = draft_of(target), draft_of(target, "old")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(bundle, draft)
        load_bundle(draft)
        for path in draft.rglob("*"):
            flush(path)
        if target.exists():
            target.rename(old)
        draft.rename(target)
        flush(target.parent)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"The bundle cannot be put at {target}: {error}.") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_writable(target: Path, *, force: bool) -> None:
    """Refuse a place for a bundle before any work is done: taken without ``force``, no bundle, or not to be written."""
    if target.exists() and not force:
        raise BundleError(f"{target} exists already; choose another --out, or write over it with --force.")
    if target.exists() and not (target / MANIFEST).is_file():
        raise BundleError(f"{target} holds no bundle, so --force does not write over it; choose another --out.")
    trial = draft_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        trial.mkdir()
        trial.rmdir()
    except OSError as error:
        raise StoreError(f"The bundle cannot be put at {target}: {error}.") from None


def draft_of(target: Path, word: str = "new") -> Path:
    """The hidden name under which this process writes what will be ``target``."""
    return target.with_name(f".{target.name}.{word}.{os.getpid()}.part")


@contextmanager
def workplace(state: State) -> Iterator[Path]:
    """A folder for bundles on their way, gone at the end; what killed jobs left there is swept first."""
    state.staging.mkdir(parents=True, exist_ok=True)
    sweep(state.staging)
    work = draft_of(state.staging / "bundle")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove the drafts of dead writers in a folder: of everything, or of what is to be ``name`` where others write."""
    ours = re.compile(rf"\.{'.+' if name is None else re.escape(name)}\.(?:new|old)\.([0-9]+)\.part")
    for draft in folder.glob(".*.part"):
        found = ours.fullmatch(draft.name)
        if found is not None and not alive(int(found[1])):
            if draft.is_dir():
                shutil.rmtree(draft, ignore_errors=True)
            else:
                draft.unlink(missing_ok=True)


def alive(pid: int) -> bool:
    """Whether a process of this machine runs under ``pid``."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
