"""How commands come to the stores and to their arguments' values."""

import getpass
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.errors import ConfigError

if TYPE_CHECKING:
    from recsys.safety import Policy
    from serving.settings import Settings
    from serving.stores.control import ControlStore
    from serving.stores.state import UserState

UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}

Actor = Annotated[str, typer.Option("--actor", default_factory=getpass.getuser, help="Who does this, for the audit.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit.")]


@contextmanager
def opened_control() -> "Iterator[ControlStore]":
    """The control store of the settings, closed at the end."""
    from serving.settings import Settings
    from serving.stores.control import ControlStore

    store = ControlStore.open(Settings().control_location())
    try:
        yield store
    finally:
        store.close()


def policy_in_force(control: "ControlStore") -> "Policy":
    """The published policy, as long as there is none that of the settings, else the bundle's; no model is loaded."""
    from serving.policies import DEFAULT, ruling
    from serving.settings import Settings

    settings = Settings()
    return ruling(control, settings.policy or _of_bundle(settings) or DEFAULT).policy


def _of_bundle(settings: "Settings") -> str | None:
    """The pack that the served bundle asks for: strict where its lake has labels."""
    from recsys.bundle import read_manifest
    from serving.champion import bundle_folder

    folder = bundle_folder(settings.var, settings.bundle)
    return None if folder is None else read_manifest(folder).policy


@contextmanager
def opened_state() -> "Iterator[UserState]":
    """The user state of the settings, closed at the end."""
    from serving.settings import Settings
    from serving.stores.state import open_state

    store = open_state(Settings().state_location())
    try:
        yield store
    finally:
        store.close()


def moment(text: str, option: str) -> float:
    """ISO 8601 (naive = UTC), or from now on: +30m, +12h, +7d, +2w; in s UTC. ConfigError names the option."""
    ahead = re.fullmatch(r"\+(\d+)([mhdw])", text.strip())
    if ahead:
        return time.time() + int(ahead[1]) * UNITS[ahead[2]]
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(f"{option} {text!r} is no time; write 2026-12-31T18:00:00Z or +7d.") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
