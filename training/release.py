"""Moving the alias ``champion``, and with it what is served here."""

from pathlib import Path

from recsys.bundle import MANIFEST, read_manifest, sha256_of
from recsys.errors import BundleError, StoreError
from training.champion import Served, install, is_whole, read_served, serve, sweep, workplace
from training.promotion import Candidate
from training.state import State
from training.tracking import CHALLENGER, CHAMPION, Tracker, Version

PREVIOUS = "previous_champion"


def current(state: State, tracker: Tracker) -> Candidate | None:
    """The champion: the registry's, or where it knows none the one that is served here."""
    version = tracker.aliased(CHAMPION)
    if version is not None:
        return version.candidate
    served = read_served(state)
    if served is None:
        return None
    manifest = read_manifest(Path(served.path))
    return Candidate(manifest.recipe, manifest.lake, manifest.lake_versions, manifest.lake_ids)


def promote(state: State, tracker: Tracker, version: Version, bundle: Path | None = None) -> Served:
    """Install a version's bundle, move the alias to it, then serve it: in this order, so that a kill loses nothing.

    The version that was champion is remembered for ``rollback``.
    """
    before = tracker.aliased(CHAMPION)
    known = {PREVIOUS: before.number} if before is not None and before.number != version.number else {}
    return _move(state, tracker, version, known, bundle)


def rollback(state: State, tracker: Tracker) -> Served:
    """Make the champion before this one champion again; StoreError where there was none."""
    now = tracker.aliased(CHAMPION)
    before = now.tags.get(PREVIOUS) if now is not None else None
    if before is None:
        raise StoreError("There is no earlier champion to go back to; `recsys models` lists the versions.")
    return _move(state, tracker, tracker.version(before), {}, None)


def mirror(state: State, tracker: Tracker) -> Served | None:
    """Serve what the registry calls champion; None where it is served already.

    The bundle is verified against the registry's checksum before anything moves.
    """
    version = tracker.aliased(CHAMPION)
    if version is None:
        raise StoreError(f"The registry at {tracker.place} has no champion yet; train one with `recsys train`.")
    served = read_served(state)
    if served is not None and served.manifest_sha256 == version.manifest_sha256 and Path(served.path).is_dir():
        return None
    return serve(state, _installed(state, tracker, version, None))


def heal(state: State, tracker: Tracker) -> Served | None:
    """Finish what a killed promotion began in the embedded registry: the alias had moved, the pointer had not."""
    if not tracker.embedded or tracker.aliased(CHAMPION) is None:
        return None
    return mirror(state, tracker)


def _move(state: State, tracker: Tracker, version: Version, tags: dict[str, str], bundle: Path | None) -> Served:
    home = _installed(state, tracker, version, bundle)
    tracker.set_alias(CHAMPION, version, tags)
    if CHALLENGER in version.aliases:
        tracker.drop_alias(CHALLENGER)
    return serve(state, home)


def _installed(state: State, tracker: Tracker, version: Version, bundle: Path | None) -> Path:
    """The version's bundle under ``bundles/``: from ``bundle``, from where it lies already, or from the registry."""
    sweep(state.bundles)
    home = state.bundles / version.bundle
    if bundle is None and is_whole(home):
        bundle = home
    if bundle is not None:
        _check(bundle, version)
        return install(state, bundle)
    with workplace(state) as work:
        fetched = tracker.fetch(version, work)
        _check(fetched, version)
        return install(state, fetched)


def _check(bundle: Path, version: Version) -> None:
    manifest = bundle / MANIFEST
    if not manifest.is_file() or sha256_of(manifest) != version.manifest_sha256:
        raise BundleError(
            f"The bundle at {bundle} is not the one that version {version.number} was registered with "
            f"(its manifest is missing or its sha256 differs); nothing was changed. Train it again."
        )
