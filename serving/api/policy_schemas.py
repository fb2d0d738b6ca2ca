"""The shapes of the routes about policy packs."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Toml = Annotated[str, Meta(min_length=1, max_length=500_000, description="The pack, TOML, byte for byte as signed.")]
Why = Annotated[str, Meta(min_length=1, max_length=4_000)]
Signature = Annotated[str, Meta(max_length=200, description="Base64, as recsys policy sign writes it.")]
Scope = Annotated[str, Meta(max_length=64, description="base, a territory or a region.")]


class PackRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A pack to look at; nothing is written."""

    pack: Toml


class PublishRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A pack that should be in force."""

    pack: Toml
    reason: Why
    signature: Signature = ""


class RollbackRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Back to an earlier version: the one before, or ``to``; 0 is none of its own."""

    reason: Why
    scope: Scope = "base"
    to: Annotated[int, Meta(ge=0, le=2**31)] | None = None


class TrialRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A pack to try out beside the one in force."""

    pack: Toml
    reason: Why
    signature: Signature = ""
    mode: Literal["shadow", "canary"] = "shadow"
    share: Annotated[float, Meta(gt=0, le=1, description="Of the requests that a canary makes stricter.")] = 0.05


class ReasonRequest(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """Why."""

    reason: Why


class CheckBody(Struct, frozen=True):
    """A pack that can be used."""

    scope: str
    policy: str  # the whole policy with it, as verdicts would name it


class StepBody(Struct, frozen=True, kw_only=True):
    """A step, and where it was worked out what it changes."""

    step: int
    action: Literal["propose", "publish", "decline", "shadow", "canary", "stop"]
    scope: str
    number: int
    loosens: tuple[str, ...]  # why a second person is needed
    actor: str
    reason: str
    at: str
    difference: dict[str, Any] | None = None


class PolicyBody(Struct, frozen=True, kw_only=True):
    """A version."""

    number: int
    scope: str
    pack: str
    key_id: str
    added_by: str
    added_at: str
    in_force: bool


class PoliciesBody(Struct, frozen=True, kw_only=True):
    """What is in force, what waits, what is tried, and every version."""

    policy: str | None  # what judges now; None before a model is published
    packs: tuple[PolicyBody, ...]
    proposals: tuple[StepBody, ...]
    trial: StepBody | None


class KeyBody(Struct, frozen=True, kw_only=True):
    """A key that signs packs."""

    id: str
    name: str
    public_key: str
    trusted: bool
