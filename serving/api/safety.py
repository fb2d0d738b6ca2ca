"""Takedowns and the audit over HTTP. One person takes down; a second one is needed to bring back."""

import json
from typing import Annotated, Any

from litestar import Request
from litestar.params import Parameter

from recsys.safety import Takedown
from serving.api.actors import actor
from serving.api.blocking import get, post
from serving.api.decision_schemas import AuditBody
from serving.api.schemas import ReasonBody, TakedownBody, TakedownRequest
from serving.api.times import iso
from serving.receipts.report import takedown_report
from serving.runtime import holder, is_known, record_of
from serving.stores.takedowns import Attachment, Basis


@post("/v1/takedowns", status_code=201, tags=["safety"], summary="Take a work down")
def take_down(data: TakedownRequest, request: Request[Any, Any, Any]) -> TakedownBody:
    """From the next request on the work appears nowhere; taking it down again changes nothing."""
    control = holder.runtime().control
    attachments = tuple(Attachment(one.name, one.bytes, one.sha256) for one in data.attachments)
    basis = Basis(data.legal_basis, attachments, record_of(data.item_id))
    found = control.take_down(
        data.item_id, reason=data.reason, actor=actor(request), territory=data.territory, basis=basis
    )
    return _body(found)


@get("/v1/takedowns/{takedown_id:str}/report", tags=["safety"], summary="Everything known of a takedown")
def report_takedown(takedown_id: str) -> dict[str, Any]:
    """For a regulator or a court: basis, the work as it was, where it was shown and until when, every later step."""
    runtime = holder.runtime()
    runtime.decisions.flush()
    report = takedown_report(takedown_id, runtime.control, runtime.settings)
    plain: dict[str, Any] = json.loads(json.dumps(report, default=str))  # records hold times
    return plain


@get("/v1/takedowns", tags=["safety"], summary="Takedowns in force")
def list_takedowns() -> list[TakedownBody]:
    """Oldest first, with who has asked for a restore."""
    control = holder.runtime().control
    asked = {request.takedown_id: request.requested_by for request in control.restore_requests()}
    return [_body(takedown, asked.get(takedown.id)) for takedown in control.takedowns()]


@post(
    "/v1/takedowns/{takedown_id:str}/restore",
    status_code=202,
    tags=["safety"],
    summary="Ask to bring a work back",
)
def request_restore(takedown_id: str, data: ReasonBody, request: Request[Any, Any, Any]) -> ReasonBody:
    """Changes nothing until another person approves it."""
    holder.runtime().control.request_restore(takedown_id, actor(request), data.reason)
    return data


@post(
    "/v1/takedowns/{takedown_id:str}/restore/approval",
    status_code=204,
    tags=["safety"],
    summary="Bring a work back, as a second person",
)
def approve_restore(takedown_id: str, request: Request[Any, Any, Any]) -> None:
    """Refused to whoever asked for it."""
    holder.runtime().control.approve_restore(takedown_id, actor(request))


@get("/v1/audit", tags=["safety"], summary="The audit log")
def audit(since: Annotated[int, Parameter(ge=0, le=2**53)] = 0) -> list[AuditBody]:
    """Who did what, when, with what before and after; hash-chained, append-only. At most 1,000 entries a call."""
    entries = holder.runtime().control.audit(since, limit=1000)
    return [
        AuditBody(
            seq=entry.seq,
            at=iso(entry.at),
            actor=entry.actor,
            action=entry.action,
            target=entry.target,
            before=entry.before,
            after=entry.after,
            reason=entry.reason,
            hash=entry.hash,
        )
        for entry in entries
    ]


def _body(takedown: Takedown, asked: str | None = None) -> TakedownBody:
    return TakedownBody(
        id=takedown.id,
        item_id=takedown.item_id,
        territory=takedown.territory,
        reason=takedown.reason,
        at=iso(takedown.at),
        known_item=is_known(takedown.item_id),
        restore_requested_by=asked,
    )
