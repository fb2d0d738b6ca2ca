"""Packs, signed, and a desk to submit them at."""

from pathlib import Path
from typing import Any

from recsys.clock import fixed_clock
from recsys.safety.signing import make_key, public_key, sign
from serving.building import build
from serving.policies import Desk
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.view import View
from support.data import AT
from support.gates import PACK

KEY = make_key()


def text(more: str = "", version: str = "1") -> str:
    """The small pack in another version, with more behind it."""
    return PACK.replace('version = "1"', f'version = "{version}"') + more


def local(territory: str, more: str = "", version: str = "1") -> str:
    """A pack of one territory or region."""
    return f'name = "here"\nversion = "{version}"\nterritory = "{territory}"\n{more}'


def signed(pack: str) -> str:
    """Its signature."""
    return sign(pack.encode(), KEY)


def desk(control: ControlStore, view: View | None = None, **settings: Any) -> Desk:
    """A desk that trusts KEY."""
    control.trust_policy_key("tests", public_key(KEY), "ops")
    return Desk(Settings(var=Path("nowhere"), policy="open", **settings), control, fixed_clock(AT), view)


def view_of(bundle: Any, control: ControlStore) -> View:
    """What a worker that starts now sees."""
    return build(bundle, control, fixed_clock(AT), "open")
