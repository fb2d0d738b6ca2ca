"""Policy packs over HTTP: looked at, published by one person or two, rolled back, tried out."""

from dataclasses import asdict
from typing import Any

from litestar import Request

from recsys.safety.difference import Difference
from serving.api.actors import actor
from serving.api.blocking import get, post
from serving.api.policy_schemas import (
    CheckBody,
    KeyBody,
    PackRequest,
    PoliciesBody,
    PolicyBody,
    PublishRequest,
    ReasonRequest,
    RollbackRequest,
    StepBody,
    TrialRequest,
)
from serving.api.refusals import Refused
from serving.api.times import iso
from serving.policies import Desk
from serving.runtime import holder
from serving.stores.policies import BASE, Step
from serving.trials import trial_report

TAGS = ["policy"]


@post("/v1/policies/check", status_code=200, tags=TAGS, summary="Whether a pack can be used")
def check_policy(data: PackRequest) -> CheckBody:
    """400 names each mistake with its line."""
    scope, policy = _desk().check(data.pack)
    return CheckBody(scope or BASE, policy.cite)


@post("/v1/policies/diff", status_code=200, tags=TAGS, summary="What a pack would change")
def diff_policy(data: PackRequest) -> dict[str, Any]:
    """Works whose verdict changes, by surface, territory and age, with examples; nothing is written."""
    return asdict(_desk().diff(data.pack))


@post("/v1/policies", status_code=201, tags=TAGS, summary="Publish a pack")
def publish_policy(data: PublishRequest, request: Request[Any, Any, Any]) -> StepBody:
    """In force from the next request on where it only tightens; else it waits for a second person."""
    return _body(*_desk().publish(data.pack, data.signature, actor=actor(request), reason=data.reason))


@post("/v1/policies/{step:int}/approval", status_code=200, tags=TAGS, summary="Agree to a pack that loosens")
def approve_policy(step: int, request: Request[Any, Any, Any]) -> StepBody:
    """Refused to whoever proposed it."""
    return _body(_desk().approve(step, actor(request)))


@post("/v1/policies/{step:int}/refusal", status_code=200, tags=TAGS, summary="Take a proposal back")
def decline_policy(step: int, data: ReasonRequest, request: Request[Any, Any, Any]) -> StepBody:
    """One's own or another's."""
    return _body(holder.runtime().control.decline_policy(step, actor(request), data.reason))


@post("/v1/policies/rollback", status_code=201, tags=TAGS, summary="Go back to an earlier version")
def rollback_policy(data: RollbackRequest, request: Request[Any, Any, Any]) -> StepBody:
    """By the rules of publishing: one person where it only tightens."""
    scope = "" if data.scope == BASE else data.scope
    return _body(*_desk().rollback(scope, to=data.to, actor=actor(request), reason=data.reason))


@get("/v1/policies", tags=TAGS, summary="What is in force, waits or is tried; every version")
def list_policies() -> PoliciesBody:
    """Versions oldest first."""
    runtime = holder.runtime()
    standing = runtime.control.policy_standing()
    packs = tuple(
        PolicyBody(
            number=pack.number,
            scope=pack.scope or BASE,
            pack=pack.cite,
            key_id=pack.key_id,
            added_by=pack.added_by,
            added_at=iso(pack.added_at),
            in_force=standing.in_force.get(pack.scope) == pack.number,
        )
        for pack in runtime.control.policy_packs()
    )
    judges = None if runtime.engine is None else runtime.engine.live.view().policy_id
    trial = None if standing.trial is None else _body(standing.trial)
    return PoliciesBody(policy=judges, packs=packs, proposals=tuple(map(_body, standing.proposals)), trial=trial)


@get("/v1/policies/keys", tags=TAGS, summary="Keys that sign packs")
def list_policy_keys() -> list[KeyBody]:
    """Keys are trusted on the command line only."""
    return [
        KeyBody(id=key.id, name=key.name, public_key=key.public_key, trusted=key.revoked_at is None)
        for key in holder.runtime().control.policy_keys()
    ]


@post("/v1/policies/trial", status_code=201, tags=TAGS, summary="Try a pack out on real requests")
def try_policy(data: TrialRequest, request: Request[Any, Any, Any]) -> StepBody:
    """A shadow has no effect; a canary makes a share of the requests stricter. It takes the place of another trial."""
    share = data.share if data.mode == "canary" else None
    who = actor(request)
    return _body(_desk().try_out(data.pack, data.signature, share=share, actor=who, reason=data.reason))


@get("/v1/policies/trial", tags=TAGS, summary="What the trial found so far")
def get_policy_trial() -> dict[str, Any]:
    """Works judged otherwise, by surface, label and verdicts; other workers write theirs every few seconds."""
    runtime = holder.runtime()
    runtime.trials.flush()
    found = trial_report(runtime.control)
    if found is None:
        raise Refused(404, "No policy is on trial.")
    return {**found, "since": iso(found["since"])}


@post("/v1/policies/trial/end", status_code=200, tags=TAGS, summary="Abort the trial")
def stop_policy_trial(data: ReasonRequest, request: Request[Any, Any, Any]) -> StepBody:
    """It has no effect from the next request on."""
    return _body(holder.runtime().control.stop_policy_trial(actor(request), data.reason))


@post("/v1/policies/trial/promotion", status_code=201, tags=TAGS, summary="Publish what is on trial")
def promote_policy(data: ReasonRequest, request: Request[Any, Any, Any]) -> StepBody:
    """By the rules of publishing."""
    return _body(*_desk().promote(actor=actor(request), reason=data.reason))


def _desk() -> Desk:
    runtime = holder.runtime()
    view = None if runtime.engine is None else runtime.engine.live.view()
    return Desk(runtime.settings, runtime.control, runtime.clock, view)


def _body(step: Step, found: Difference | None = None) -> StepBody:
    return StepBody(
        step=step.step,
        action=step.action,
        scope=step.scope or BASE,
        number=step.number,
        loosens=step.loosens,
        actor=step.actor,
        reason=step.reason,
        at=iso(step.at),
        difference=None if found is None else asdict(found),
    )
