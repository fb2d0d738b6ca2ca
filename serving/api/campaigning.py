"""Campaigns over HTTP: written, tried, approved, stopped."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.params import Parameter

from recsys.errors import ConfigError
from recsys.overrides.documents import Document, campaign_from
from recsys.types import Viewer
from serving.api.actors import actor
from serving.api.blocking import get, post, put
from serving.api.campaign_schemas import (
    ActIn,
    CampaignBody,
    CampaignChange,
    CampaignIn,
    CheckedBody,
    PreviewBody,
    PreviewIn,
    VersionBody,
)
from serving.api.refusals import Refused
from serving.api.times import iso, parse_time
from serving.asks import Ask
from serving.campaigns.desk import Desk
from serving.campaigns.preview import Stage, preview
from serving.runtime import holder
from serving.stores.campaigns import Filed, Said

Key = Annotated[str | None, Parameter(header="Idempotency-Key", max_length=200)]
Match = Annotated[str | None, Parameter(header="If-Match", max_length=40)]
Asked = Request[Any, Any, Any]


@post("/v1/campaigns", status_code=201, tags=["campaigns"], summary="Write a campaign")
def create_campaign(data: CampaignIn, request: Asked, key: Key = None) -> CampaignBody:
    """A draft; nothing of it is shown. The same Idempotency-Key again changes nothing and gives the same answer."""
    desk = holder.runtime().desk()
    return _body(desk, desk.create(_document(data), Said(actor(request), data.reason or "", key=key)))


@get("/v1/campaigns", tags=["campaigns"], summary="All campaigns")
def list_campaigns() -> list[CampaignBody]:
    """The newest first, in whatever state."""
    desk = holder.runtime().desk()
    return [_body(desk, filed) for filed in desk.control.campaigns()]


@get("/v1/campaigns/{campaign_id:str}", tags=["campaigns"], summary="One campaign")
def get_campaign(campaign_id: str) -> CampaignBody:
    """With its version, which every change has to name."""
    desk = holder.runtime().desk()
    return _body(desk, _existing(desk, campaign_id))


@get("/v1/campaigns/{campaign_id:str}/history", tags=["campaigns"], summary="Who did what with a campaign")
def campaign_history(campaign_id: str) -> list[VersionBody]:
    """Every act with who, when, why, and the text as it was."""
    desk = holder.runtime().desk()
    _existing(desk, campaign_id)
    return [
        VersionBody(
            version=one.version,
            act=one.act,
            state=one.state,
            actor=one.actor,
            at=iso(one.at),
            reason=one.reason,
            campaign=one.document,
        )
        for one in desk.control.campaign_history(campaign_id)
    ]


@get("/v1/campaigns/{campaign_id:str}/findings", tags=["campaigns"], summary="What a dry run finds")
def campaign_findings(campaign_id: str) -> dict[str, Any]:
    """Conflicts, what safety and rights keep away, reach on recent traffic. Changes nothing."""
    desk = holder.runtime().desk(reach=True)
    return asdict(desk.findings(_existing(desk, campaign_id)))


@put("/v1/campaigns/{campaign_id:str}", tags=["campaigns"], summary="Change a campaign")
def update_campaign(
    campaign_id: str, data: CampaignChange, request: Asked, key: Key = None, match: Match = None
) -> CampaignBody:
    """What only tightens acts at once; the rest waits for approval. 409 where another has changed it since."""
    desk = holder.runtime().desk()
    _existing(desk, campaign_id)
    said = Said(actor(request), data.reason, _version(data.version, match), key)
    return _body(desk, desk.update(campaign_id, _document(data.campaign), said))


@post("/v1/campaigns/{campaign_id:str}/validate", status_code=200, tags=["campaigns"], summary="Try a campaign")
def validate_campaign(
    campaign_id: str, data: ActIn, request: Asked, key: Key = None, match: Match = None
) -> CheckedBody:
    """A dry run; the campaign is validated where ``mistakes`` is empty."""
    desk = holder.runtime().desk(reach=True)
    _existing(desk, campaign_id)
    filed, found = desk.validate(campaign_id, _said(request, data, key, match))
    return CheckedBody(campaign=_body(desk, filed), findings=asdict(found))


def _act(name: str, summary: str, does: Callable[[Desk], Callable[[str, Said], Filed]], says: str) -> Any:
    """The route of one act."""

    def act(campaign_id: str, data: ActIn, request: Asked, key: Key = None, match: Match = None) -> CampaignBody:
        desk = holder.runtime().desk()
        _existing(desk, campaign_id)
        return _body(desk, does(desk)(campaign_id, _said(request, data, key, match)))

    act.__name__ = act.__qualname__ = f"{name}_campaign"
    act.__doc__ = says
    path = f"/v1/campaigns/{{campaign_id:str}}/{name}"
    return post(path, status_code=200, tags=["campaigns"], summary=summary)(act)


submit_campaign = _act(
    "submit", "Ask for approval", lambda desk: desk.submit, "Goes on air at once where one person is enough."
)
approve_campaign = _act(
    "approve", "Approve a campaign", lambda desk: desk.approve, "409 for an author where ``four_eyes`` says why."
)
reject_campaign = _act("reject", "Send a campaign back", lambda desk: desk.reject, "It is a draft again.")
pause_campaign = _act("pause", "Take a campaign off the air", lambda desk: desk.pause, "One person, at once.")
resume_campaign = _act(
    "resume", "Ask to put a campaign on air again", lambda desk: desk.resume, "Waits for approval where that is needed."
)
revoke_campaign = _act("revoke", "End a campaign for good", lambda desk: desk.revoke, "One person, at once.")


@post("/v1/preview", status_code=200, tags=["campaigns"], summary="A list as somebody would have it")
def preview_list(data: PreviewIn, request: Asked) -> PreviewBody:
    """With and without a campaign, side by side. Counts as nothing, is in no log of decisions, respects who opted out.

    With a ``user_id`` the audit says who has looked.
    """
    runtime = holder.runtime()
    if runtime.engine is None:
        raise Refused(503, "No model is published yet; a preview needs one.")
    draft = None
    if data.campaign is not None:
        draft = campaign_from(_document(data.campaign))
    elif data.campaign_id is not None:
        draft = _existing(runtime.desk(), data.campaign_id).campaign
    view = runtime.engine.live.view()
    if draft is not None:
        draft.validate(view.policy.minor_surfaces)
    ask = Ask(
        Viewer(data.surface, data.territory, data.age),
        data.k,
        data.user_id,
        session=data.session,
        profile=data.profile,
        context=data.context,
        deadline=math.inf,
    )
    at = runtime.clock() if data.at is None else parse_time(data.at, "at")
    stage = Stage(view, runtime.control, runtime.state, runtime.exposure, actor(request), runtime.settings.max_history)
    return msgspec.convert({**preview(stage, ask, at, draft), "at": iso(at)}, PreviewBody)


def _document(data: CampaignIn) -> Document:
    document: Document = msgspec.to_builtins(data)
    return {name: value for name, value in document.items() if value is not None}


def _said(request: Asked, data: ActIn, key: str | None, match: str | None) -> Said:
    return Said(actor(request), data.reason, _version(data.version, match), key)


def _version(given: int | None, match: str | None) -> int | None:
    """The version of the body, or of If-Match."""
    if given is not None or match is None:
        return given
    text = match.removeprefix("W/").strip('"')
    if not text.isdecimal():
        raise Refused(400, f"If-Match is {match!r}; write the version that you have read.", "If-Match")
    return int(text)


def _existing(desk: Desk, campaign_id: str) -> Filed:
    try:
        return desk.control.campaign(campaign_id)
    except ConfigError as error:
        raise Refused(404, str(error)) from None


def _body(desk: Desk, filed: Filed) -> CampaignBody:
    return CampaignBody(
        id=filed.id,
        version=filed.version,
        state=filed.state,
        campaign=filed.document,
        served=filed.served,
        authors=filed.authors,
        submitted_by=filed.submitted_by,
        approved_at=None if filed.approved_at is None else iso(filed.approved_at),
        created_at=iso(filed.created_at),
        created_by=filed.created_by,
        four_eyes=desk.four_eyes.why(filed.campaign, desk.minor_surfaces),
    )
