"""Editors' overrides: pin, boost, bury and exclude, resolved by one order and held below the gate."""

from recsys.overrides.apply import apply, unserved
from recsys.overrides.index import Live, OverrideIndex, Unserved
from recsys.overrides.override import Action, Override

__all__ = ["Action", "Live", "Override", "OverrideIndex", "Unserved", "apply", "unserved"]
