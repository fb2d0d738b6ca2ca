"""Labels over HTTP: who says what of a work, and what of it holds."""

import uuid
from dataclasses import asdict
from typing import Any

from litestar import Request

from recsys.safety.labels import PRESENT, Effective, LabelEvent
from serving.api.actors import actor, role
from serving.api.blocking import get, post
from serving.api.label_schemas import EffectiveBody, ItemLabels, LabelBody, LabelIn, LabelsRequest, LabelsResponse
from serving.api.refusals import Refused
from serving.api.times import iso, parse_time
from serving.labels import of_item
from serving.runtime import holder, is_known
from serving.stores.removals import state_labels

PLATFORM_SOURCES = frozenset({"provider", "model"})
MACHINES = frozenset({"provider", "model", "rule"})  # whoever holds the key says which one it was


@post("/v1/labels", status_code=201, tags=["safety"], summary="Label works")
def put_labels(data: LabelsRequest, request: Request[Any, Any, Any]) -> LabelsResponse:
    """Counts on the next request on every worker; nothing that was said is ever changed.

    A key of role platform gives labels of the sources provider and model; it takes none back. A label of a person or of
    the law that keeps its work off a surface has a statement of reasons, which `GET /v1/statements` finds.
    """
    runtime = holder.runtime()
    platform = role(request) == "platform"
    if platform:
        _refuse_beyond_platform(data.labels)
    now, who = runtime.clock(), actor(request)
    events = [_event(label, place, now, who, bound=platform) for place, label in enumerate(data.labels)]
    stated = None if runtime.engine is None else state_labels(runtime.engine.live.view().policy)
    new, sequence = runtime.control.add_labels(events, who, dated=False, also=stated)
    return LabelsResponse(new, len(events) - new, sequence, tuple(event.id for event in events))


@get("/v1/items/{item_id:str}/labels", tags=["safety"], summary="What was said of a work, and what holds")
def item_labels(item_id: str) -> ItemLabels:
    """The history, and the labels that the gate goes by."""
    runtime = holder.runtime()
    control = runtime.control
    now, version = runtime.clock(), control.item_versions([item_id]).get(item_id, 0)
    view = None if runtime.engine is None else runtime.engine.live.view()
    return ItemLabels(
        item_id=item_id,
        known_item=is_known(item_id),
        item_version=version,
        effective=tuple(effective_body(label) for label in of_item(view, control, item_id, now)),
        history=tuple(label_body(event) for event in control.label_events([item_id])),
    )


def label_body(event: LabelEvent) -> LabelBody:
    """A label event as it is sent."""
    return LabelBody(**{**asdict(event), "created": iso(event.created), "expires": _iso(event.expires)})


def effective_body(label: Effective) -> EffectiveBody:
    """A label that holds as it is sent."""
    return EffectiveBody(**{**asdict(label), "expires": _iso(label.expires)})


def _refuse_beyond_platform(labels: tuple[LabelIn, ...]) -> None:
    for place, label in enumerate(labels):
        if label.source not in PLATFORM_SOURCES:
            raise Refused(
                403,
                f"labels[{place}].source is {label.source}; a platform key speaks for provider and model only.",
                f"labels[{place}].source",
            )
        if label.negates:
            raise Refused(
                403,
                f"labels[{place}].negates: taking a label back loosens what is shown, which takes the role safety.",
                f"labels[{place}].negates",
            )


def _speaker(label: LabelIn, who: str, bound: bool) -> str:
    """Whose statement it is. A platform's models are its own: it cannot speak as the scanner of somebody else."""
    if not label.actor or label.source not in MACHINES:
        return who
    return f"{label.actor} of {who}" if bound else label.actor


def _event(label: LabelIn, place: int, now: float, who: str, *, bound: bool) -> LabelEvent:
    expires = None if label.expires is None else parse_time(label.expires, f"labels[{place}].expires")
    if expires is not None and expires <= now:
        raise Refused(400, f"labels[{place}].expires has passed: it is {iso(now)} here.", f"labels[{place}].expires")
    return LabelEvent(
        id=label.id or f"lb_{uuid.uuid4().hex}",
        item_id=label.item_id,
        item_version=PRESENT if label.item_version is None else label.item_version,
        source=label.source,
        label=label.label,
        score=label.score,
        territory=label.territory,
        created=now,
        expires=expires,
        negates=label.negates,
        evidence=label.evidence,
        policy_version=label.policy_version,
        actor=_speaker(label, who, bound),
    )


def _iso(at: float | None) -> str | None:
    return None if at is None else iso(at)
