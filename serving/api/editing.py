"""Editors' overrides over HTTP: set, listed, revoked, audited."""

import secrets
from typing import Any

from litestar import Request

from recsys.overrides import Override
from serving.api.actors import actor
from serving.api.blocking import delete, get, post
from serving.api.refusals import Refused
from serving.api.schemas import OverrideBody, OverrideRequest
from serving.api.times import iso, parse_time
from serving.runtime import holder, is_known


@post(
    "/v1/overrides",
    status_code=201,
    tags=["editing"],
    summary="Pin, boost, bury or exclude a work",
)
def put_override(data: OverrideRequest, request: Request[Any, Any, Any]) -> OverrideBody:
    """Counts on the next request on every worker. Safety, rights and users' own choices outrank it.

    409 where a second person has to approve, as for a pin on home: make it a campaign.
    """
    runtime = holder.runtime()
    now = runtime.clock()
    override = Override(
        id=f"ov_{secrets.token_hex(6)}",
        action=data.action,
        item_id=data.item_id,
        slot=data.slot,
        factor=data.factor,
        surfaces=frozenset(data.surfaces),
        territories=frozenset(data.territories),
        start=now if data.start is None else parse_time(data.start, "start"),
        end=parse_time(data.end, "end"),
        priority=data.priority,
        created_at=now,
        created_by=actor(request),
        reason=data.reason,
    )
    if override.end <= now:
        raise Refused(400, f"end has passed: it is {iso(now)} here.", "end")
    override.validate()
    runtime.desk().refuse_single(override.campaign)
    return _body(runtime.control.put_override(override, actor(request)))


@get("/v1/overrides", tags=["editing"], summary="Overrides in force or to come")
def list_overrides() -> list[OverrideBody]:
    """Neither revoked nor ended."""
    return [_body(override) for override in holder.runtime().control.overrides()]


@delete(
    "/v1/overrides/{override_id:str}",
    status_code=204,
    tags=["editing"],
    summary="Revoke an override",
)
def revoke_override(override_id: str, request: Request[Any, Any, Any], reason: str = "") -> None:
    """From the next request on it has no effect."""
    if not holder.runtime().control.revoke_override(override_id, actor(request), reason or "revoked over HTTP"):
        raise Refused(404, f"No override in force has the id {override_id}.")


def _body(override: Override) -> OverrideBody:
    return OverrideBody(
        id=override.id,
        action=override.action,
        item_id=override.item_id,
        slot=override.slot,
        factor=override.factor,
        surfaces=tuple(sorted(override.surfaces)),
        territories=tuple(sorted(override.territories)),
        start=iso(override.start),
        end=iso(override.end),
        known_item=is_known(override.item_id),
        priority=override.priority,
        created_by=override.created_by,
        created_at=iso(override.created_at),
        reason=override.reason,
    )
