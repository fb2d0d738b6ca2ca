"""The shapes of reports, the review queue, statements of reasons and appeals."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recsys.safety.review import ReportReason
from serving.api.fields import Id, Territory, Time
from serving.api.label_schemas import EffectiveBody, LabelBody, LabelName, Score

Note = Annotated[str, Meta(max_length=2_000)]
Sentence = Annotated[str, Meta(min_length=1, max_length=4_000)]
CaseVersion = Annotated[int, Meta(ge=0, le=2**31 - 1, description="The case's version, as it was read.")]


class ReportRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """Somebody thinks that a work should not be shown as it is. Put no name of a user into the note."""

    item_id: Id
    reason: ReportReason
    note: Note = ""


class ReportBody(Struct, frozen=True):
    """The case that the report is part of."""

    review_id: str
    reports: int


class ReviewBody(Struct, frozen=True, kw_only=True):
    """One case of the queue; ``priority`` is reach × severity × uncertainty."""

    id: str
    kind: str
    item_id: str
    title: str | None
    reason: str
    version: int
    priority: float
    reach: float
    severity: float
    uncertainty: float
    reports: int
    claimed_by: str | None
    statement_id: str | None
    labels: tuple[EffectiveBody, ...]


class ReportNote(Struct, frozen=True):
    """What one report says."""

    reason: str
    note: str
    reporter: str
    at: str


class CaseBody(Struct, frozen=True, kw_only=True):
    """A case with everything that helps to decide it."""

    id: str
    kind: str
    item_id: str
    version: int
    open: bool
    claimed_by: str | None
    statement_id: str | None
    reports: tuple[ReportNote, ...]
    history: tuple[LabelBody, ...]


class ClaimRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """Keep a case for half an hour."""

    version: CaseVersion


class DecidedLabel(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A label that the reviewer gives, or with ``negates`` takes back."""

    label: LabelName
    negates: bool = False
    score: Score | None = None
    territory: Territory | None = None
    expires: Time | None = None


class DecisionRequest(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The labels and the statement of reasons: what was found, why it matters, under which rule, how far it goes."""

    version: CaseVersion
    labels: Annotated[tuple[DecidedLabel, ...], Meta(min_length=1, max_length=20)]
    what: Sentence
    why: Sentence
    rule: Sentence
    scope: Sentence


class StatementBody(Struct, frozen=True, kw_only=True):
    """A statement of reasons. ``decided_by`` is for the role safety only."""

    id: str
    item_id: str
    provider: str | None
    at: str
    what: str
    why: str
    rule: str
    scope: str
    labels: tuple[str, ...]
    automated: Literal[False] = False
    appeal: str
    decided_by: str | None


class AppealRequest(Struct, forbid_unknown_fields=True, frozen=True):
    """Why a decision is wrong, in the words of whoever it concerns."""

    statement_id: Id
    reason: Annotated[str, Meta(min_length=1, max_length=2_000)]


class AppealBody(Struct, frozen=True):
    """The case that another reviewer decides."""

    review_id: str
    statement_id: str
