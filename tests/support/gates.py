"""A gate over a few items in one line."""

from typing import Any

import numpy as np

from recsys.clock import fixed_clock
from recsys.dataset.catalogue import Catalogue
from recsys.safety import Finding, Gate, Policy, parse_policy
from recsys.types import Viewer

NOW = 1_767_225_600.0  # s UTC, 2026-01-01T00:00:00Z
PACK = """
name = "t"
version = "1"

[surfaces]
feed = { strict = false, unlabelled = "allow", unknown_label = "label", unknown_age = 16 }
search = { strict = false, unlabelled = "allow", show_limited = true, unknown_age = 16 }
home = { strict = true }
push = { strict = true }
hot = { strict = true }
minor = { strict = true, minors = true }

[labels]
general = { verdict = "allow" }
"""


def pack(more: str = "") -> Policy:
    """The pack above with more behind it."""
    return parse_policy(PACK + more)


def gate(policy: Policy, *rows: dict[str, Any], now: float = NOW, **given: Any) -> Gate:
    """A gate over rows; item ids are ``i0``, ``i1`` … unless given."""
    named = [{"item_id": f"i{at}", **row} for at, row in enumerate(rows)]
    return Gate.compile(Catalogue.from_records(named), policy, given.pop("clock", fixed_clock(now)), **given)


def found(over: Gate, viewer: Viewer, item: int = 0) -> Finding:
    """What the check says of one item; the mask says the same."""
    verdicts = over.check(viewer, np.array([item], np.int32))
    assert bool(over.mask(viewer)[item]) == bool(verdicts.allowed[0])
    assert verdicts.findings[0].verdict == verdicts.verdict[0]
    return verdicts.findings[0]


def said(over: Gate, viewer: Viewer, item: int = 0) -> tuple[str, str]:
    """The verdict and its reason."""
    one = found(over, viewer, item)
    return one.verdict.code, one.reason
