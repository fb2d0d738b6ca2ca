"""`recsys webhook`: which addresses are told of campaigns, kill switches and takedowns."""

from typing import Annotated

import typer

from serving.commands.opening import Actor, opened_control
from serving.commands.printing import Json, iso, show

group = typer.Typer(help="Addresses that are told of changes, signed.")


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    for name, command in (("add", add), ("list", listing), ("remove", remove), ("letters", letters)):
        group.command(name)(command)
    app.add_typer(group, name="webhook", no_args_is_help=True)


def add(url: Annotated[str, typer.Argument(help="https://host/path.")], actor: Actor) -> None:
    """Tell an address from now on; its secret is printed once."""
    from serving.campaigns.webhooks import checked
    from serving.settings import Settings

    checked(url, Settings().webhook_hosts)
    with opened_control() as control:
        made = control.add_webhook(url, actor)
        secret = control.webhook_secret(made.id)
    typer.echo(secret)
    typer.echo(f"{made.id} is told from now on. Messages are signed with this secret; keep it safe.", err=True)


def listing(as_json: Json = False) -> None:
    """Show the addresses."""
    with opened_control() as control:
        rows = [
            {"id": one.id, "url": one.url, "since": iso(one.created_at), "by": one.created_by}
            for one in control.webhooks()
        ]
    show("Webhooks", rows, as_json=as_json)


def remove(webhook_id: Annotated[str, typer.Argument(help="As listed.")], actor: Actor) -> None:
    """Tell an address no more."""
    with opened_control() as control:
        control.remove_webhook(webhook_id, actor)
    typer.echo(f"{webhook_id} is told no more.")


def letters(as_json: Json = False) -> None:
    """Show the newest messages: what has arrived, what waits, what was given up and why."""
    with opened_control() as control:
        rows = [
            {
                "id": letter["id"],
                "webhook": letter["webhook_id"],
                "attempts": letter["attempts"],
                "arrived": iso(letter["delivered_at"]),
                "next": iso(letter["due_at"]),
                "error": letter["error"] or None,
            }
            for letter in control.letters()
        ]
    show("Messages", rows, as_json=as_json)
