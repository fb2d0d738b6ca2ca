"""A decision looked up: the platform sees what it was sent, the safety officer also whose it was and why."""

from dataclasses import asdict
from typing import Any

from litestar import Request

from serving.api.actors import role
from serving.api.blocking import get
from serving.api.decision_schemas import AskedBody, DecisionBody, PlaceBody, ReplayBody
from serving.api.refusals import Refused
from serving.api.schemas import Notice
from serving.api.times import iso
from serving.receipts.find import Found, find
from serving.receipts.records import notices_of, offset_of, overrides_of, remembered, sources_of
from serving.receipts.replay import bundle_of, replay
from serving.runtime import Runtime, holder

SEES_ALL = frozenset({"safety", "admin"})
ELSEWHERE = "This node's log has no such decision; another replica may have it, or it was older than what is kept."


@get("/v1/decisions/{decision_id:str}", tags=["safety"], summary="What was decided, and why")
def get_decision(
    decision_id: str,
    request: Request[Any, Any, Any],
    replay: bool = False,
) -> DecisionBody:
    """Items, sources, overrides and versions of a list that was sent.

    Keys of role `safety` and `admin` also see whose decision it was, by pseudonym, and what was known of them; with
    `replay=true` the list is made again, which takes a second or two.
    """
    runtime = holder.runtime()
    found = find(runtime.settings.decisions_folder(), decision_id)
    if found is None:
        runtime.decisions.flush()  # it may be 100 ms old
        found = find(runtime.settings.decisions_folder(), decision_id)
    if found is None:
        raise Refused(404, ELSEWHERE, "decision_id")
    sees_all = role(request) in SEES_ALL
    if replay and not sees_all:
        raise Refused(403, "A replay shows what was known of a user; it is for the roles safety and admin.", "replay")
    return _body(found, runtime, sees_all=sees_all, again=replay)


def _body(found: Found, runtime: Runtime, *, sees_all: bool, again: bool) -> DecisionBody:
    record = found.record
    surface, territory, age, personalised = record["viewer"][:4]
    propensities = record.get("propensities") or [None] * len(record["items"])
    told = (sources_of(record), overrides_of(record), propensities, notices_of(record))
    columns = enumerate(zip(record["items"], *told, strict=True), offset_of(record) + 1)
    return DecisionBody(
        decision_id=record["id"],
        at=iso(record["at"]),
        surface=surface,
        territory=territory,
        age=age,
        personalised=personalised,
        k=record["k"],
        filter=record.get("filter"),
        series=record.get("series", "next"),
        model=record["bundle"],
        policy=record["policy"],
        control=record["control"],
        overlay=record["overlay"],
        items=tuple(
            PlaceBody(
                rank=rank,
                item_id=item,
                source=source,
                override_id=override,
                propensity=propensity,
                notice=None if notice is None else Notice(notice[0], tuple(notice[1])),
            )
            for rank, (item, source, override, propensity, notice) in columns
        ),
        degraded=tuple(record.get("degraded", ())),
        seed=record.get("seed"),
        file=found.segment.path.name,
        record=record["n"],
        hash=record["h"],
        asked=_asked(found) if sees_all else None,
        replay=_replayed(found, runtime) if again else None,
    )


def _asked(found: Found) -> AskedBody:
    if found.side is None:
        return AskedBody(erased=True)
    ask, memory = remembered(found.side)
    return AskedBody(
        erased=False,
        user=found.side.user,
        session=ask.session,
        exclude=ask.exclude,
        similar_to=ask.similar_to,
        profile={} if memory is None else {**memory.profile, **ask.profile},
        history=() if memory is None else tuple(memory.history.items),
        hidden=() if memory is None else tuple(sorted(memory.controls.hidden | memory.controls.not_interested)),
    )


def _replayed(found: Found, runtime: Runtime) -> ReplayBody:
    live = [] if runtime.engine is None else [runtime.engine.live.current.bundle]
    result = replay(found, runtime.control, runtime.settings.decisions_folder(), bundle_of(runtime.settings, live))
    return ReplayBody(
        identical=result.identical,
        why=tuple(result.why),
        beyond=tuple(result.beyond),
        same=result.same,
        items=tuple(asdict(place) for place in result.places),
    )
