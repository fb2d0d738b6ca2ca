"""`recsys halt`: stop a campaign, an editor's work, or every override; one person stops, two start again."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from serving.commands.opening import Actor, Reason, opened_control
from serving.commands.printing import Json, iso, show

if TYPE_CHECKING:
    from serving.stores.halts import Scope

group = typer.Typer(help="Kill switches for overrides and campaigns.")


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    for command in (campaign, editor, everything, release, approve):
        group.command("all" if command is everything else None)(command)
    group.command("list")(listing)
    app.add_typer(group, name="halt", no_args_is_help=True)


def campaign(
    name: Annotated[str, typer.Argument(help="A campaign's or override's id.")], actor: Actor, reason: Reason
) -> None:
    """Stop one campaign or override, from the next request on."""
    _throw("campaign", name, actor, reason)


def editor(name: Annotated[str, typer.Argument(help="As the audit has it.")], actor: Actor, reason: Reason) -> None:
    """Stop everything that an editor has made."""
    _throw("editor", name, actor, reason)


def everything(actor: Actor, reason: Reason) -> None:
    """Stop every override and campaign."""
    _throw("all", "", actor, reason)


def release(halt_id: Annotated[str, typer.Argument(help="As listed.")], actor: Actor, reason: Reason) -> None:
    """Ask to start again."""
    with opened_control() as control:
        control.request_release(halt_id, actor, reason)
    typer.echo(f"{actor} asks to release {halt_id}; another person approves with: recsys halt approve.")


def approve(halt_id: Annotated[str, typer.Argument(help="As listed.")], actor: Actor) -> None:
    """Start again, as a second person."""
    with opened_control() as control:
        control.approve_release(halt_id, actor)
    typer.echo(f"{halt_id} is released.")


def listing(as_json: Json = False) -> None:
    """Show the switches that are thrown."""
    with opened_control() as control:
        rows = [
            {
                "id": halt.id,
                "scope": halt.scope,
                "key": halt.key,
                "since": iso(halt.at),
                "by": halt.actor,
                "reason": halt.reason,
                "release_requested_by": halt.release_requested_by,
            }
            for halt in control.halts()
        ]
    show("Halts", rows, as_json=as_json)


def _throw(scope: str, key: str, actor: str, reason: str) -> None:
    with opened_control() as control:
        made = control.halt(cast("Scope", scope), key, actor, reason)
    typer.echo(f"{made.id}: {scope} {key or 'overrides'} stopped.")
