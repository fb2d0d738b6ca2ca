"""What the control store hands out, and how values travel through its JSON columns."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np

from recsys.errors import ConfigError

Role = Literal["platform", "editor", "safety", "metrics", "admin"]
ROLES: tuple[Role, ...] = ("platform", "editor", "safety", "metrics", "admin")

ChangeKind = Literal[
    "override",
    "override_revoked",
    "takedown",
    "restore",
    "item",
    "rights",
    "label",
    "policy",
    "key",
    "key_revoked",
    "erasure",
    "campaign",
    "halt",
    "cold_start",
    "traffic",
]


class ConflictError(ConfigError):
    """What somebody wants is not possible any more, or not for them."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change log; ``seq`` has no gaps and follows the order of commits."""

    seq: int
    kind: ChangeKind
    key: str
    payload: dict[str, Any]
    at: float  # s UTC


@dataclass(frozen=True, slots=True)
class Controls:
    """What a user decided about their own lists."""

    personalised: bool = True
    hidden: frozenset[str] = field(default_factory=frozenset)
    not_interested: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who holds an API key."""

    id: str
    name: str
    role: Role
    rate: float | None = None  # requests a second and worker; None goes by the role


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it may be listed: never the token itself."""

    id: str
    name: str
    role: Role
    created_at: float  # s UTC
    created_by: str
    revoked_at: float | None
    rate: float | None = None  # requests a second and worker; None goes by the role


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """A takedown that somebody wants lifted; another person has to agree."""

    takedown_id: str
    item_id: str
    territory: str | None
    requested_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log. ``hash`` covers the line before and everything in this one but itself."""

    seq: int
    at: float  # s UTC
    actor: str
    action: str
    target: str
    before: Any
    after: Any
    reason: str
    hash: str


def dump(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces; times and arrays tagged so that ``load`` gives them back."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_tagged)


def load(text: str) -> Any:
    """What ``dump`` was given (arrays as float32, sets as sorted lists)."""
    return json.loads(text, object_hook=_untagged)


def _tagged(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, np.ndarray):
        return {"$float32": base64.b64encode(np.asarray(value, "<f4").tobytes()).decode()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form.")


def _untagged(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        if "$time" in value:
            return datetime.fromisoformat(value["$time"])
        if "$float32" in value:
            return np.frombuffer(base64.b64decode(value["$float32"]), "<f4")
    return value
