"""What a person calls a lake version, and which limits a gate gives."""

import re
from collections.abc import Mapping
from pathlib import Path

from recsys.bundle import read_manifest
from recsys.errors import ConfigError, DataError
from recsys.lake import Lake
from recsys.prepare.build import TABLES
from training.champion import read_served
from training.drift.limits import DriftLimits
from training.gate.checks.drift import Drift
from training.gate.spec import GateSpec
from training.state import State

ONE = re.compile(rf"({'|'.join(TABLES)})=([0-9]+)")


def named(text: str, lake: str, state: State) -> Mapping[str, int]:
    """Versions by table: ``champion`` (what it was trained on), ``newest``, ``12`` (events) or ``events=12,items=3``.

    Tables that are not named are taken at their newest version.
    """
    if text == "champion":
        served = read_served(state)
        if served is None:
            raise ConfigError("--from champion: nothing is served here yet; name a version of the events, such as 3.")
        return read_manifest(Path(served.path)).lake_versions
    newest = {t: v for t, v in Lake(lake if "://" in lake else Path(lake).resolve()).versions().items() if t in TABLES}
    if "events" not in newest:
        raise DataError(f"The lake {lake} has no events; ingest some first.")
    if text == "newest":
        return newest
    if text.isdecimal():
        return {**newest, "events": int(text)}
    found = [ONE.fullmatch(part.strip()) for part in text.split(",")]
    if not all(found):
        raise ConfigError(
            f"{text!r} names no lake version; write champion, newest, a version of the events such as 12, or "
            "events=12,items=3."
        )
    return {**newest, **{match[1]: int(match[2]) for match in found if match}}


def limits_of(gate: GateSpec) -> DriftLimits:
    """The limits of a gate's drift check, or the defaults where it has none."""
    check = gate.checks.get("drift")
    return check.limits if isinstance(check, Drift) else DriftLimits()
