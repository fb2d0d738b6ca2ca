"""`recsys policy diff|publish|approve|decline|rollback|list|shadow|canary|promote|abort`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serving.commands.opening import Actor, Reason, opened_control
from serving.commands.policy_keys import decoded, read_bytes, signature_of
from serving.commands.printing import Json, iso, show

if TYPE_CHECKING:
    from recsys.safety.difference import Difference
    from serving.policies import Desk
    from serving.stores.policies import Step

File = Annotated[Path, typer.Argument(help="The pack, a TOML file; its signature lies beside it as FILE.sig.")]
StepNumber = Annotated[int, typer.Argument(help="As listed.")]
shadow = typer.Typer(help="Try a pack out on real requests, without effect.")


def add_to(group: typer.Typer) -> None:
    """Add the commands to the group of `recsys policy`."""
    for command in (diff, publish, approve, decline, rollback, canary, promote, abort):
        group.command()(command)
    group.command("list")(listing)
    shadow.command()(start)
    shadow.command()(report)
    group.add_typer(shadow, name="shadow", no_args_is_help=True)


def diff(file: File, as_json: Json = False) -> None:
    """Show which works would change their verdict, for whom, before anything is live."""
    with opened_desk() as desk:
        found = desk.diff(_text(file), str(file))
    _show(found, as_json=as_json)


def publish(file: File, actor: Actor, reason: Reason, as_json: Json = False) -> None:
    """Put a pack in force; one that loosens something waits for a second person."""
    with opened_desk() as desk:
        step, found = desk.publish(_text(file), signature_of(file), actor=actor, reason=reason)
    _done(step, found, as_json=as_json)


def approve(step: StepNumber, actor: Actor) -> None:
    """Agree to a pack that loosens something, as a second person."""
    with opened_desk() as desk:
        desk.approve(step, actor)
    typer.echo(f"Proposal {step} is in force.")


def decline(step: StepNumber, actor: Actor, reason: Reason) -> None:
    """Take a proposal back."""
    with opened_control() as control:
        control.decline_policy(step, actor, reason)
    typer.echo(f"Proposal {step} is declined.")


def rollback(
    actor: Actor,
    reason: Reason,
    scope: Annotated[str, typer.Option(help="base, a territory or a region.")] = "base",
    to: Annotated[int | None, typer.Option(help="The number of a version; 0 = none of its own.")] = None,
    as_json: Json = False,
) -> None:
    """Go back to the version before, by the rules of publishing."""
    with opened_desk() as desk:
        step, found = desk.rollback("" if scope == "base" else scope, to=to, actor=actor, reason=reason)
    _done(step, found, as_json=as_json)


def listing(as_json: Json = False) -> None:
    """Show every version, what waits for a second person, and what is on trial."""
    with opened_control() as control:
        standing, packs = control.policy_standing(), control.policy_packs()
    rows = [
        {
            "number": pack.number,
            "scope": pack.scope or "base",
            "pack": pack.cite,
            "in_force": standing.in_force.get(pack.scope) == pack.number,
            "key": pack.key_id,
            "added": iso(pack.added_at),
            "by": pack.added_by,
        }
        for pack in packs
    ]
    asked = [*standing.proposals, *([standing.trial] if standing.trial else [])]
    steps = [{**asdict(one), "at": iso(one.at)} for one in asked]
    if as_json:
        typer.echo(json.dumps({"packs": rows, "open": steps}, ensure_ascii=False, indent=2))
        return
    show("Policy packs", rows, as_json=False)
    shown = ("step", "action", "scope", "number", "actor", "loosens")
    show("Open", [{key: one[key] for key in shown} for one in steps], as_json=False)


def start(file: File, actor: Actor, reason: Reason) -> None:
    """Judge real requests by this pack too and count where it differs."""
    _try(file, None, actor, reason)


def canary(
    file: File,
    actor: Actor,
    reason: Reason,
    share: Annotated[float, typer.Option(help="Of the requests, above 0 and at most 1.")] = 0.05,
) -> None:
    """Let a share of the requests go by the stricter of this pack and the one in force."""
    _try(file, share, actor, reason)


def report(as_json: Json = False) -> None:
    """Show what the trial found so far: works judged otherwise, by surface, label and verdicts."""
    from serving.trials import trial_report

    with opened_control() as control:
        found = trial_report(control)
    if as_json:
        typer.echo(json.dumps(found and {**found, "since": iso(found["since"])}, ensure_ascii=False, indent=2))
    elif found is None:
        typer.echo("No policy is on trial.")
    else:
        typer.echo(f"{found['mode']} of {found['pack']} since {iso(found['since'])}.")
        show("Works compared", [{"surface": k, "count": n} for k, n in found["compared"].items()], as_json=False)
        show("Judged otherwise", found["differing"], as_json=False)


def promote(actor: Actor, reason: Reason, as_json: Json = False) -> None:
    """Publish what is on trial, by the rules of publishing."""
    with opened_desk() as desk:
        step, found = desk.promote(actor=actor, reason=reason)
    _done(step, found, as_json=as_json)


def abort(actor: Actor, reason: Reason) -> None:
    """End the trial."""
    with opened_control() as control:
        control.stop_policy_trial(actor, reason)
    typer.echo("The trial has ended.")


@contextmanager
def opened_desk() -> "Iterator[Desk]":
    """The desk over the control store of the settings and the published bundle, if there is one."""
    from recsys.clock import system_clock
    from serving.batch import the_bundle
    from serving.building import build
    from serving.champion import read_champion
    from serving.policies import Desk
    from serving.settings import Settings

    settings = Settings()
    with opened_control() as control:
        published = settings.bundle is not None or read_champion(settings.var) is not None
        bundle = the_bundle(None, settings) if published else None
        view = None if bundle is None else build(bundle, control, system_clock, settings.policy)
        yield Desk(settings, control, system_clock, view)


def _text(file: Path) -> str:
    return decoded(read_bytes(file), file)


def _try(file: Path, share: float | None, actor: str, reason: str) -> None:
    with opened_desk() as desk:
        step = desk.try_out(_text(file), signature_of(file), share=share, actor=actor, reason=reason)
    typer.echo(f"The {step.action} of pack {step.number} runs; see: recsys policy shadow report.")


def _done(step: "Step", found: "Difference", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**asdict(step), "difference": asdict(found)}, ensure_ascii=False, indent=2))
        return
    _show(found, as_json=False)
    if step.action == "publish":
        typer.echo("It is in force from the next request on.")
    else:
        typer.echo(f"It loosens something, so a second person agrees with: recsys policy approve {step.step}.")


def _show(found: "Difference", *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, indent=2))
        return
    typer.echo(f"{found.before} → {found.after}, over {found.items} works.")
    rows = [
        {
            "surface": one.surface,
            "changed": one.changed,
            "gained": one.gained,
            "lost": one.lost,
            "verdicts": ", ".join(f"{name}: {count}" for name, count in one.verdicts.items()),
            "examples": ", ".join(example.item_id for example in one.examples),
        }
        for one in found.surfaces
    ]
    show("Works whose verdict changes for somebody", rows, as_json=False)
    for_whom = [
        {
            "surface": one.surface,
            "territory": to.territory or "unknown",
            "ages": to.ages,
            "gained": to.gained,
            "lost": to.lost,
        }
        for one in found.surfaces
        for to in one.audiences
        if to.gained or to.lost
    ]
    show("For whom", for_whom, as_json=False)
    whose = [{"provider": name, "gained": more, "lost": less} for name, (more, less) in found.providers.items()]
    show("Whose works", whose, as_json=False)
    for one in found.asks:
        typer.echo(f"Asks of lists: {one}.")
    for why in found.loosens:
        typer.echo(f"Looser: {why}.")
