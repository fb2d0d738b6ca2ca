"""Moving the alias ``champion``, and with it what is served here. Every move is recorded before it is made."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recsys.bundle import MANIFEST, sha256_of
from recsys.errors import BundleError, GateError, StoreError
from training.champion import Served, install, is_whole, read_served, serve, sweep, workplace
from training.history import LONGEST, How, Move, actor_of, moment, note
from training.promotion import Decision
from training.state import State
from training.tracking import CHALLENGER, CHAMPION, Tracker, Version

PREVIOUS = "previous_champion"
GATE = "gate"  # tag: the gate's result as JSON
OUTCOME = "outcome"  # tag: the job that made the version has settled what it became
PRUNED = "pruned"  # tag: the bundle was deleted to make room


@dataclass(frozen=True)
class Why:
    """Who moves the alias, by what right and for which reason."""

    how: How
    actor: str
    reason: str

    @classmethod
    def by_hand(cls, reason: str = "", actor: str | None = None, *, how: How = "hand") -> "Why":
        """A person decides."""
        return cls(how, actor_of(actor), reason or "promoted by hand")


def allow(version: Version, *, force: bool) -> None:
    """Refuse a version whose gate failed or is not known, unless forced; GateError with what it failed in."""
    if force:
        return
    gate = gate_of(version)
    if gate is None:
        raise GateError(
            f"Version {version.number} has no gate result, so nothing says that it is fit; promote it with --force "
            "and --reason."
        )
    failed = [row for row in gate["checks"] if row["stops"]]
    if failed:
        told = " ".join(f"{row['check']}: {row['sentence']}" for row in failed)
        raise GateError(
            f"Version {version.number} did not pass its gate. {told} To promote it all the same, give --force and "
            "--reason."
        )


def gate_of(version: Version) -> dict[str, Any] | None:
    """The stored result of a version's gate as plain values; None where it has none."""
    try:
        found = json.loads(version.tags[GATE])
    except (KeyError, ValueError):
        return None
    return found if isinstance(found, dict) and "checks" in found else None


def settle(
    state: State, tracker: Tracker, version: Version, bundle: Path, decision: Decision, *, judged: str | None
) -> Decision:
    """Do what the gate decided: champion or challenger. ``judged`` is the number of the champion it was judged against.

    Where another version became champion meanwhile, nothing was compared with that one, and the new one stays back.
    """
    now = tracker.aliased(CHAMPION)
    number = None if now is None else now.number
    if decision.promoted and number != judged:
        decision = Decision(
            False, f"Version {number} became champion while this one was made, and it was not compared with that one."
        )
    if decision.promoted:
        promote(state, tracker, version, bundle, Why("gate" if now else "first", actor_of(), decision.reason))
    else:
        tracker.set_alias(CHALLENGER, version)
    tracker.tag_version(version, {OUTCOME: decision.reason})
    return decision


def promote(
    state: State, tracker: Tracker, version: Version, bundle: Path | None = None, why: Why | None = None
) -> Served:
    """Install a version's bundle, move the alias to it, then serve it: in this order, so that a kill loses nothing.

    The version that was champion is remembered for ``rollback``.
    """
    before = tracker.aliased(CHAMPION)
    known = {PREVIOUS: before.number} if before is not None and before.number != version.number else {}
    return _move(state, tracker, version, known, bundle, why or Why.by_hand())


def rollback(state: State, tracker: Tracker, why: Why | None = None) -> Served:
    """Make the champion before this one champion again; StoreError where there was none."""
    now = tracker.aliased(CHAMPION)
    before = now.tags.get(PREVIOUS) if now is not None else None
    if now is None or before is None:
        raise StoreError("There is no earlier champion to go back to; `recsys models` lists the versions.")
    why = why or Why("rollback", actor_of(), f"back from version {now.number}")
    return _move(state, tracker, tracker.version(before), {}, None, why)


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


def _move(
    state: State, tracker: Tracker, version: Version, tags: dict[str, str], bundle: Path | None, why: Why
) -> Served:
    home = _installed(state, tracker, version, bundle)
    before = tracker.aliased(CHAMPION)
    number = None if before is None else before.number
    note(tracker, Move(moment(), why.actor, why.how, number, version.number, version.bundle, why.reason[:LONGEST]))
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
    if PRUNED in version.tags:
        raise BundleError(
            f"The bundle of version {version.number} was pruned to make room; train it again, and keep more of them "
            "with --keep."
        )
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
