"""POST /v1/events and PUT /v1/items: what platforms tell the service."""

import math
import uuid
from dataclasses import replace
from typing import Any

import msgspec
from litestar import Request

from recsys.clock import EventClock, to_datetime
from recsys.dataset.catalogue import Catalogue
from recsys.errors import DataError
from serving.api.actors import actor, role
from serving.api.blocking import post, put
from serving.api.refusals import Refused
from serving.api.schemas import EventIn, EventsRequest, EventsResponse, ItemIn, ItemsRequest, ItemsResponse
from serving.api.times import iso, parse_time
from serving.measures import accepted
from serving.runtime import EVENTS_CLOCK, holder
from serving.stores.state import Event
from serving.upserts import LOOSENS, tightened
from serving.view import View

AHEAD_SECONDS = 86_400.0  # clocks of clients differ; a day ahead is a mistake
TICK = 0.001  # s: more than the lake rounds a time by
LOOSENING = frozenset({"safety", "admin"})
TIMES = ("available_from", "available_to", "embargo_until")


@post("/v1/events", status_code=202, tags=["intake"], summary="Report what users did")
def events(data: EventsRequest) -> EventsResponse:
    """Durable before it is answered; an event counts in the next request."""
    runtime = holder.runtime()
    now = runtime.clock()
    rows = [_event(event, place, now) for place, event in enumerate(data.events)]
    kept = _after_erasure(rows, [event.timestamp is None for event in data.events])
    new = runtime.state.append(kept)
    if kept and isinstance(runtime.clock, EventClock):
        runtime.clock.saw(max(row.timestamp for row in kept))
        runtime.state.put_cursor(EVENTS_CLOCK, repr(runtime.clock()))
    runtime.newcomers.heard(kept)
    accepted(new)
    return EventsResponse(accepted=new, duplicates=len(kept) - new, erased=len(rows) - len(kept))


@put("/v1/items", status_code=200, tags=["intake"], summary="Add or change works")
def items(data: ItemsRequest, request: Request[Any, Any, Any]) -> ItemsResponse:
    """A new work can be recommended from the next request on, under the same gate as all others.

    A known work's labels, age, territories and windows may be tightened; only the role safety loosens them.
    """
    runtime = holder.runtime()
    records = [_item(item, place) for place, item in enumerate(data.items)]
    if role(request) in LOOSENING:
        records = [{**record, LOOSENS: True} for record in records]
    elif runtime.engine is not None:
        view = runtime.engine.live.view()
        records = tightened(view.gate, view.ids, view.record, records)
    if runtime.engine is not None:
        _check_vectors(runtime.engine.live.view(), records)
    sequence = runtime.control.upsert_items(records, actor(request))
    return ItemsResponse(upserted=len(records), sequence=sequence)


def _check_vectors(view: View, records: list[dict[str, Any]]) -> None:
    content = view.bundle.pipeline.content
    if content is None:
        return
    try:
        content.check(Catalogue.from_records(records))
    except DataError as error:
        raise Refused(400, str(error), "items") from None


def _after_erasure(rows: list[Event], timeless: list[bool]) -> list[Event]:
    """Without what users did before they were erased: a platform's retry must not bring it back.

    What comes without a time happens now, so after any erasure, also where the clock has stood still since or is behind
    the one that the erasure went by.
    """
    control = holder.runtime().control
    erased = {user: control.erased_at(user) for user in {row.user_id for row in rows}}
    kept = []
    for row, happens_now in zip(rows, timeless, strict=True):
        at = erased[row.user_id]
        if at is None or row.timestamp > at:
            kept.append(row)
        elif happens_now:
            kept.append(replace(row, timestamp=at + TICK))
    return kept


def _event(event: EventIn, place: int, now: float) -> Event:
    where = f"events[{place}]"
    at = now if event.timestamp is None else parse_time(event.timestamp, f"{where}.timestamp")
    replayed = isinstance(holder.runtime().clock, EventClock)  # there, the events themselves say what time it is
    if at > now + AHEAD_SECONDS and not replayed:
        raise Refused(400, f"{where}.timestamp lies in the future: {iso(at)}.", f"{where}.timestamp")
    if event.value is not None and not math.isfinite(event.value):
        raise Refused(400, f"{where}.value is not a finite number.", f"{where}.value")
    return Event(
        event_id=event.event_id or uuid.uuid4().hex,
        user_id=event.user_id,
        item_id=event.item_id,
        kind=event.kind,
        timestamp=at,
        value=event.value,
        session_id=event.session_id,
        surface=event.surface,
        device=event.device,
        request_id=event.request_id,
    )


def _item(item: ItemIn, place: int) -> dict[str, Any]:
    record: dict[str, Any] = msgspec.to_builtins(item)
    for name in TIMES:
        if record.get(name) is not None:
            record[name] = to_datetime(parse_time(record[name], f"items[{place}].{name}"))
    vectors = record.pop("vectors", None) or {}
    return {**record, **{f"vector_{name}": values for name, values in vectors.items()}}
