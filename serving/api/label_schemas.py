"""The shapes of labels over HTTP."""

from typing import Annotated

from msgspec import Meta, Struct

from recsys.safety.labels import Source
from serving.api.fields import Id, Territory, Time

LabelName = Annotated[str, Meta(min_length=1, max_length=64)]
Score = Annotated[float, Meta(ge=0, le=1)]
Version = Annotated[int, Meta(ge=0, le=2**53)]


class LabelIn(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What a source says of a work, or with ``negates`` takes back. Give an ``id`` so that a retry counts once.

    ``item_version`` is the change number of the item's upsert that was looked at, the newest if left out. ``actor``
    names the model or the rule, each of which speaks for itself; for a person it is whoever holds the key.
    """

    item_id: Id
    source: Source
    label: LabelName
    id: Id | None = None
    item_version: Version | None = None
    score: Score | None = None
    territory: Territory | None = None
    expires: Time | None = None
    negates: bool = False
    evidence: Annotated[str, Meta(max_length=2_000)] = ""
    policy_version: Annotated[str, Meta(max_length=256)] = ""
    actor: Annotated[str, Meta(max_length=256)] = ""


class LabelsRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """A batch; one bad label refuses the whole batch and changes nothing."""

    labels: Annotated[tuple[LabelIn, ...], Meta(min_length=1, max_length=1000)]


class LabelsResponse(Struct, frozen=True):
    """``sequence`` is the change number from which on every worker knows the labels; ``ids`` are in the order given."""

    accepted: int
    duplicates: int
    sequence: int
    ids: tuple[str, ...]


class LabelBody(Struct, frozen=True, kw_only=True):
    """A label event as it is stored, with all of its provenance."""

    id: str
    item_id: str
    item_version: int
    source: str
    label: str
    score: float | None
    territory: str | None
    created: str
    expires: str | None
    negates: bool
    evidence: str
    policy_version: str
    actor: str


class EffectiveBody(Struct, frozen=True, kw_only=True):
    """A label that holds now, and who stands behind it."""

    label: str
    score: float | None
    territory: str | None
    source: str
    expires: str | None


class ItemLabels(Struct, frozen=True, kw_only=True):
    """All that was said of a work, oldest first, and what of it holds; the record's own labels hold as a provider's."""

    item_id: str
    known_item: bool
    item_version: int
    effective: tuple[EffectiveBody, ...]
    history: tuple[LabelBody, ...]
