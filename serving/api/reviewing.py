"""Reports, the review queue, statements of reasons and appeals over HTTP."""

import uuid
from functools import partial
from typing import Annotated, Any

from litestar import Request
from litestar.params import Parameter

from recsys.clock import to_datetime
from recsys.safety.labels import PRESENT, LabelEvent
from serving.api.actors import actor, role
from serving.api.blocking import get, post
from serving.api.labelling import effective_body, label_body
from serving.api.refusals import Refused
from serving.api.review_schemas import (
    AppealBody,
    AppealRequest,
    CaseBody,
    ClaimRequest,
    DecidedLabel,
    DecisionRequest,
    ReportBody,
    ReportNote,
    ReportRequest,
    ReviewBody,
    StatementBody,
)
from serving.api.times import iso, parse_time
from serving.review_queue import Entry, provider_of, queue
from serving.runtime import holder, is_known
from serving.stores.reviews import APPEAL_DAYS, Decision, Reasons, Review, Statement
from serving.view import View

Limit = Annotated[int, Parameter(ge=1, le=1000)]
Surface = Annotated[str, Parameter(min_length=1, max_length=64)]
Place = Annotated[str | None, Parameter(pattern="^[A-Z]{2}$")]
Id = Annotated[str | None, Parameter(max_length=256)]


@post("/v1/reports", status_code=201, tags=["safety"], summary="Report a work")
def report(data: ReportRequest, request: Request[Any, Any, Any]) -> ReportBody:
    """Puts the work into the review queue; it stays visible until somebody decides, or is taken down."""
    if not is_known(data.item_id):
        raise Refused(404, f"The catalogue has no item {data.item_id}.", "item_id")
    found = holder.runtime().control.report(data.item_id, data.reason, data.note, actor(request))
    return ReportBody(found.id, found.reports)


@get("/v1/reviews", tags=["safety"], summary="The review queue")
def list_reviews(surface: Surface = "feed", territory: Place = None, limit: Limit = 100) -> list[ReviewBody]:
    """Open cases, the most pressing first; holds are those of an adult on this surface and in this territory."""
    runtime, view = holder.runtime(), _view()
    found = queue(view, runtime.control, surface=surface, territory=territory)
    return [_entry(view, entry) for entry in found[:limit]]


@get("/v1/reviews/{review_id:str}", tags=["safety"], summary="One case with its reports and labels")
def get_review(review_id: str) -> CaseBody:
    """What was reported and what was said of the work before."""
    return _case(_existing(review_id))


@post("/v1/reviews/{review_id:str}/claim", status_code=200, tags=["safety"], summary="Take a case on")
def claim_review(review_id: str, data: ClaimRequest, request: Request[Any, Any, Any]) -> CaseBody:
    """Others are kept away for half an hour. 409 where the case has changed since it was read, or another has it."""
    _existing(review_id)
    return _case(holder.runtime().control.claim_review(review_id, data.version, actor(request)))


@post("/v1/reviews/{review_id:str}/decision", status_code=201, tags=["safety"], summary="Decide a case")
def decide_review(review_id: str, data: DecisionRequest, request: Request[Any, Any, Any]) -> StatementBody:
    """The labels count on the next request. An appeal is refused with 409 to whoever decided before."""
    found, runtime = _existing(review_id), holder.runtime()
    now, view = runtime.clock(), _view()
    policy = "" if view is None else view.policy_id
    labels = tuple(_label(label, place, now, policy) for place, label in enumerate(data.labels))
    reasons = Reasons(data.what, data.why, data.rule, data.scope)
    decision = Decision(found.id, data.version, labels, reasons, provider_of(view, found.item_id))
    return _statement(runtime.control.decide_review(decision, actor(request)), role(request))


@get("/v1/statements/{statement_id:str}", tags=["safety"], summary="A statement of reasons")
def get_statement(statement_id: str, request: Request[Any, Any, Any]) -> StatementBody:
    """For the work's provider: what was decided, why, under which rule, how far, and how to appeal."""
    found = holder.runtime().control.statement(statement_id)
    if found is None:
        raise Refused(404, f"There is no statement {statement_id}.")
    return _statement(found, role(request))


@get("/v1/statements", tags=["safety"], summary="Statements of reasons of a work or a provider")
def list_statements(request: Request[Any, Any, Any], item_id: Id = None, provider: Id = None) -> list[StatementBody]:
    """The newest first, at most 1,000."""
    control, view = holder.runtime().control, _view()
    found = control.statements(item_id=item_id, provider=provider, provider_of=partial(provider_of, view))
    return [_statement(statement, role(request)) for statement in found]


@post("/v1/appeals", status_code=201, tags=["safety"], summary="Appeal against a decision")
def appeal(data: AppealRequest, request: Request[Any, Any, Any]) -> AppealBody:
    """The case goes to another reviewer; the decision stands until then."""
    control = holder.runtime().control
    if control.statement(data.statement_id) is None:
        raise Refused(404, f"There is no statement {data.statement_id}.", "statement_id")
    return AppealBody(control.appeal(data.statement_id, data.reason, actor(request)).id, data.statement_id)


def how_to_appeal(statement: Statement) -> str:
    """What a statement says of appeals."""
    end = to_datetime(statement.at + APPEAL_DAYS * 86_400).date().isoformat()
    return (
        f'Until {end}: POST /v1/appeals {{"statement_id": "{statement.id}", "reason": "…"}}, '
        "or through the platform. Another person decides it."
    )


def _view() -> View | None:
    engine = holder.runtime().engine
    return None if engine is None else engine.live.view()


def _existing(review_id: str) -> Review:
    found = holder.runtime().control.review(review_id)
    if found is None or (found.version == 0 and not is_known(found.item_id)):
        raise Refused(404, f"There is no review {review_id}.")
    return found


def _entry(view: View | None, entry: Entry) -> ReviewBody:
    review = entry.review
    index = None if view is None else view.ids.get(review.item_id)
    title = None if view is None or index is None else view.record(index).get("title")
    return ReviewBody(
        id=review.id,
        kind=review.kind,
        item_id=review.item_id,
        title=title,
        reason=review.reason,
        version=review.version,
        priority=round(entry.priority, 3),
        reach=round(entry.reach, 3),
        severity=round(entry.severity, 3),
        uncertainty=round(entry.uncertainty, 3),
        reports=review.reports,
        claimed_by=review.claimed_by,
        statement_id=review.statement_id,
        labels=tuple(effective_body(label) for label in entry.labels),
    )


def _case(review: Review) -> CaseBody:
    control = holder.runtime().control
    notes = [ReportNote(reason, note, who, iso(at)) for reason, note, who, at in control.report_notes(review.id)]
    return CaseBody(
        id=review.id,
        kind=review.kind,
        item_id=review.item_id,
        version=review.version,
        open=review.open,
        claimed_by=review.claimed_by,
        statement_id=review.statement_id,
        reports=tuple(notes),
        history=tuple(label_body(event) for event in control.label_events([review.item_id])),
    )


def _label(label: DecidedLabel, place: int, now: float, policy: str) -> LabelEvent:
    where = f"labels[{place}].expires"
    expires = None if label.expires is None else parse_time(label.expires, where)
    if expires is not None and expires <= now:
        raise Refused(400, f"{where} has passed: it is {iso(now)} here.", where)
    return LabelEvent(
        id=f"lb_{uuid.uuid4().hex}",
        item_id="",  # the case says it
        item_version=PRESENT,
        source="human",
        label=label.label,
        score=label.score,
        territory=label.territory,
        created=now,
        expires=expires,
        negates=label.negates,
        policy_version=policy,
    )


def _statement(statement: Statement, reader: str) -> StatementBody:
    return StatementBody(
        id=statement.id,
        item_id=statement.item_id,
        provider=statement.provider or provider_of(_view(), statement.item_id),
        at=iso(statement.at),
        what=statement.reasons.what,
        why=statement.reasons.why,
        rule=statement.reasons.rule,
        scope=statement.reasons.scope,
        labels=tuple(f"not {event['label']}" if event["negates"] else event["label"] for event in statement.labels),
        appeal=how_to_appeal(statement),
        decided_by=statement.decided_by if reader in {"safety", "admin"} else None,
    )
