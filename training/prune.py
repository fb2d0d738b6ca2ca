"""Making room: bundles of old versions are deleted; what is served, what it came from and the newest ones stay."""

import shutil
import time
from pathlib import Path

from training.champion import draft_of, read_served, sweep
from training.history import moment
from training.release import PREVIOUS, PRUNED
from training.state import STALE_DAYS, State
from training.tracking import Tracker, Version

PENDING = "pending"


def prune(state: State, tracker: Tracker, keep: int) -> list[str]:
    """Keep the versions with an alias, the champion before and the ``keep`` newest; gives the numbers of the others.

    Their bundles go, here and from the registry's artifacts. The version is marked first, so that a kill in between
    never leaves one that looks whole; runs, tags and the record of moves stay.
    """
    versions = tracker.versions()
    kept = {version.number for version in versions[:keep]}
    for version in versions:
        if version.aliases:
            kept |= {version.number, version.tags.get(PREVIOUS, version.number)}
    gone = [version for version in versions if version.number not in kept and not _is_gone(version, state)]
    for version in gone:
        tracker.tag_version(version, {PRUNED: PENDING})
        tracker.discard(version)
        tracker.tag_version(version, {PRUNED: moment()[:10]})
        _remove(state.bundles / version.bundle, state)
    sweep(state.bundles)
    forget_prepared(state)
    return [version.number for version in gone]


def forget_prepared(state: State) -> None:
    """Remove prepared data older than a week, of which every lake version leaves some; it can be made again."""
    for folder in state.prepared_data.glob("[!.]*"):
        if time.time() - folder.stat().st_mtime > STALE_DAYS * 86_400:
            draft = folder.with_name(f".{folder.name}.part-stale")  # a name that the next preparation sweeps
            folder.rename(draft)
            shutil.rmtree(draft, ignore_errors=True)


def _is_gone(version: Version, state: State) -> bool:
    """Whether nothing of it is left to delete."""
    return version.tags.get(PRUNED, PENDING) != PENDING and not (state.bundles / version.bundle).exists()


def _remove(home: Path, state: State) -> None:
    """Under a hidden name first, so that a bundle is whole or not there; never the one that is served."""
    served = read_served(state)
    if not home.is_dir() or (served is not None and Path(served.path) == home):
        return
    draft = draft_of(home, "old")
    home.rename(draft)
    shutil.rmtree(draft, ignore_errors=True)
