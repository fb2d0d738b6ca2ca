"""`recsys review`: the queue of what a person has to look at, decisions with their reasons, appeals."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.errors import ConfigError
from serving.commands.opening import Actor, opened_control
from serving.commands.printing import Json, iso, show

if TYPE_CHECKING:
    from serving.stores.control import ControlStore
    from serving.view import View

group = typer.Typer(help="Look at what is held, reported or appealed against, and decide it.")

Case = Annotated[str, typer.Argument(help="The case's id, as listed.")]
Version = Annotated[int | None, typer.Option(help="The case's version as listed; refuses where it has changed since.")]


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    group.command("list")(list_)
    group.command()(claim)
    group.command()(decide)
    group.command()(appeal)
    group.command()(statement)
    app.add_typer(group, name="review", no_args_is_help=True)


def list_(
    surface: Annotated[str, typer.Option(help="Whose holds are listed.")] = "feed",
    territory: Annotated[str | None, typer.Option(help="Where; ISO 3166-1 alpha-2.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many cases.")] = 20,
    as_json: Json = False,
) -> None:
    """The most pressing cases first: reach × severity × uncertainty."""
    from serving.review_queue import queue

    with _opened() as (control, view):
        found = queue(view, control, surface=surface, territory=territory)[:limit]
    rows = [
        {
            "id": entry.review.id,
            "kind": entry.review.kind,
            "item_id": entry.review.item_id,
            "reason": entry.review.reason,
            "reports": entry.review.reports,
            "priority": round(entry.priority, 2),
            "version": entry.review.version,
            "claimed_by": entry.review.claimed_by,
        }
        for entry in found
    ]
    show("Cases to review", rows, as_json=as_json)


def claim(review_id: Case, actor: Actor, version: Version = None) -> None:
    """Keep a case for half an hour."""
    with opened_control() as control:
        found = control.claim_review(review_id, _version(control, review_id, version), actor)
    typer.echo(f"{found.item_id} is yours to decide; the case's version is now {found.version}.")


def decide(
    review_id: Case,
    actor: Actor,
    what: Annotated[str, typer.Option(help="The facts.")],
    why: Annotated[str, typer.Option(help="Why they matter.")],
    rule: Annotated[str, typer.Option(help="The law or the term of use.")],
    scope: Annotated[str, typer.Option(help="Where and for how long.")],
    label: Annotated[list[str] | None, typer.Option(help="A label that holds; repeatable.")] = None,
    negate: Annotated[list[str] | None, typer.Option(help="A label that does not hold; repeatable.")] = None,
    territory: Annotated[str | None, typer.Option(help="Of the labels; everywhere if left out.")] = None,
    version: Version = None,
) -> None:
    """Close a case with labels and a statement of reasons for the work's provider."""
    from serving.review_queue import provider_of
    from serving.stores.reviews import Decision, Reasons

    with _opened() as (control, view):
        found = _existing(control, review_id)
        said = [(name, False) for name in label or ()] + [(name, True) for name in negate or ()]
        policy = "" if view is None else view.policy_id
        labels = tuple(_label(name, taken, territory, policy) for name, taken in said)
        reasons, provider = Reasons(what, why, rule, scope), provider_of(view, found.item_id)
        at = found.version if version is None else version
        done = control.decide_review(Decision(review_id, at, labels, reasons, provider), actor)
    typer.echo(f"{done.item_id} is decided: {done.id}.")


def appeal(
    statement_id: Annotated[str, typer.Argument(help="The statement of reasons.")],
    reason: Annotated[str, typer.Option(help="Why the decision is wrong.")],
    actor: Actor,
) -> None:
    """Have a decision looked at by another reviewer."""
    with opened_control() as control:
        found = control.appeal(statement_id, reason, actor)
    typer.echo(f"Another reviewer decides on {statement_id}: {found.id}.")


def statement(
    statement_id: Annotated[str, typer.Argument(help="As printed by decide.")], as_json: Json = False
) -> None:
    """What a decision told whoever it concerns."""
    with opened_control() as control:
        found = control.statement(statement_id)
    if found is None:
        raise ConfigError(f"There is no statement {statement_id}.")
    reasons = found.reasons
    row: dict[str, Any] = {
        "id": found.id,
        "item_id": found.item_id,
        "provider": found.provider,
        "at": iso(found.at),
        "what": reasons.what,
        "why": reasons.why,
        "rule": reasons.rule,
        "scope": reasons.scope,
        "labels": ", ".join(f"not {e['label']}" if e["negates"] else e["label"] for e in found.labels),
        "decided_by": found.decided_by,
    }
    show(f"Statement {statement_id}", [row], as_json=as_json)


@contextmanager
def _opened() -> "Iterator[tuple[ControlStore, View | None]]":
    """The control store, and the published bundle under it; None where nothing is published."""
    from recsys.clock import fixed_clock, system_clock
    from serving.batch import the_bundle
    from serving.building import build
    from serving.champion import read_champion
    from serving.settings import Settings

    settings = Settings()
    with opened_control() as control:
        if settings.bundle is None and read_champion(settings.var) is None:
            yield control, None
            return
        bundle = the_bundle(None, settings)
        follows = settings.clock == "events" and bundle.manifest.at is not None
        clock = fixed_clock(float(bundle.manifest.at or 0)) if follows else system_clock
        yield control, build(bundle, control, clock, settings.policy)


def _existing(control: "ControlStore", review_id: str) -> Any:
    found = control.review(review_id)
    if found is None:
        raise ConfigError(f"There is no review {review_id}; list them with: recsys review list.")
    return found


def _version(control: "ControlStore", review_id: str, given: int | None) -> int:
    return int(_existing(control, review_id).version) if given is None else given


def _label(name: str, taken: bool, territory: str | None, policy: str) -> Any:
    from recsys.safety.labels import PRESENT, LabelEvent

    facts: dict[str, Any] = {"id": f"lb_{uuid.uuid4().hex}", "item_id": "", "item_version": PRESENT, "source": "human"}
    now = time.time()
    return LabelEvent(**facts, label=name, negates=taken, territory=territory, policy_version=policy, created=now)
