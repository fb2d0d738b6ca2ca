"""Kill switches, exposure and webhooks over HTTP."""

from typing import Any

import msgspec
from litestar import Request

from recsys.overrides.pacing import EVEN
from serving.api.actors import actor
from serving.api.blocking import delete, get, post
from serving.api.campaign_schemas import ActIn, HaltBody, HaltIn, WebhookBody, WebhookIn
from serving.api.exposure_schemas import ExposureReport
from serving.api.refusals import Refused
from serving.api.times import iso
from serving.campaigns.reporting import exposed, plain
from serving.campaigns.webhooks import checked
from serving.runtime import holder
from serving.stores.halts import Halt

Asked = Request[Any, Any, Any]


@post("/v1/halts", status_code=201, tags=["campaigns"], summary="Stop a campaign, an editor's work, or everything")
def throw_halt(data: HaltIn, request: Asked) -> HaltBody:
    """One person; acts on the next request everywhere."""
    return _halt(holder.runtime().control.halt(data.scope, data.key, actor(request), data.reason))


@get("/v1/halts", tags=["campaigns"], summary="Kill switches that are thrown")
def list_halts() -> list[HaltBody]:
    """Oldest first."""
    return [_halt(halt) for halt in holder.runtime().control.halts()]


@post("/v1/halts/{halt_id:str}/release", status_code=202, tags=["campaigns"], summary="Ask to release a kill switch")
def request_release(halt_id: str, data: ActIn, request: Asked) -> HaltBody:
    """Changes nothing until another person approves it."""
    _existing(halt_id)
    return _halt(holder.runtime().control.request_release(halt_id, actor(request), data.reason))


@post("/v1/halts/{halt_id:str}/release/approval", status_code=204, tags=["campaigns"], summary="Release a kill switch")
def approve_release(halt_id: str, request: Asked) -> None:
    """409 to whoever asked for it."""
    _existing(halt_id)
    holder.runtime().control.approve_release(halt_id, actor(request))


@get("/v1/exposure", tags=["campaigns"], summary="Promised against delivered, new works, quotas")
def exposure() -> ExposureReport:
    """Campaigns: impressions by slot and hour, and why there are less than planned. New works: where each stands.

    Quotas: what they wanted and got, summed over lists.
    """
    runtime = holder.runtime()
    view = runtime.view()
    found = exposed(runtime.control, runtime.clock(), EVEN if view is None else view.traffic)
    return msgspec.convert(plain(found), ExposureReport)


@post("/v1/webhooks", status_code=201, tags=["campaigns"], summary="Tell an address of changes")
def add_webhook(data: WebhookIn, request: Asked) -> WebhookBody:
    """Campaigns' states, kill switches, takedowns; signed with the secret, which is in this answer alone."""
    runtime = holder.runtime()
    checked(data.url, runtime.settings.webhook_hosts)
    made = runtime.control.add_webhook(data.url, actor(request))
    secret = runtime.control.webhook_secret(made.id)
    return WebhookBody(
        id=made.id, url=made.url, created_at=iso(made.created_at), created_by=made.created_by, secret=secret
    )


@get("/v1/webhooks", tags=["campaigns"], summary="Addresses that are told")
def list_webhooks() -> list[WebhookBody]:
    """Without their secrets."""
    return [
        WebhookBody(id=one.id, url=one.url, created_at=iso(one.created_at), created_by=one.created_by)
        for one in holder.runtime().control.webhooks()
    ]


@delete("/v1/webhooks/{webhook_id:str}", status_code=204, tags=["campaigns"], summary="Tell an address no more")
def remove_webhook(webhook_id: str, request: Asked) -> None:
    """What waits for it is dropped."""
    control = holder.runtime().control
    if webhook_id not in {one.id for one in control.webhooks()}:
        raise Refused(404, f"There is no webhook {webhook_id}.")
    control.remove_webhook(webhook_id, actor(request))


def _existing(halt_id: str) -> None:
    if halt_id not in {halt.id for halt in holder.runtime().control.halts()}:
        raise Refused(404, f"There is no halt {halt_id} in force.")


def _halt(halt: Halt) -> HaltBody:
    return HaltBody(
        id=halt.id,
        scope=halt.scope,
        key=halt.key,
        at=iso(halt.at),
        actor=halt.actor,
        reason=halt.reason,
        release_requested_by=halt.release_requested_by,
    )
