"""`recsys takedown` and `recsys restore`."""

from typing import Annotated

import typer

from recsys.errors import ConfigError
from serving.commands.opening import Actor, Reason, opened_control
from serving.commands.printing import Json, iso, show

restore = typer.Typer(help="Bring an item back that was taken down: one person asks, another one agrees.")


def register(app: typer.Typer) -> None:
    """Add the commands to the root app."""
    app.command()(takedown)
    restore.command()(request)
    restore.command()(approve)
    app.add_typer(restore, name="restore", no_args_is_help=True)


def takedown(
    item: Annotated[str, typer.Argument(help="The item's id; or `list` for the takedowns in force.")],
    actor: Actor,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit; needed to take an item down.")] = None,
    territory: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 code; everywhere if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Take an item down, from the next request on; `recsys takedown list` lists."""
    if item == "list" and reason is None:
        _list(as_json)
        return
    if reason is None:
        raise ConfigError(f"Taking {item} down needs a reason; add --reason.")
    with opened_control() as control:
        found = control.take_down(item, reason=reason, actor=actor, territory=territory)
    typer.echo(f"{item} is down {f'in {found.territory}' if found.territory else 'everywhere'}: {found.id}.")


def request(takedown_id: Annotated[str, typer.Argument(help="As listed.")], actor: Actor, reason: Reason) -> None:
    """Ask that an item be shown again."""
    with opened_control() as control:
        control.request_restore(takedown_id, actor, reason)
    typer.echo(f"{actor} asks to lift {takedown_id}; another person approves with: recsys restore approve.")


def approve(takedown_id: Annotated[str, typer.Argument(help="As listed.")], actor: Actor) -> None:
    """Agree that an item be shown again, as a second person."""
    with opened_control() as control:
        control.approve_restore(takedown_id, actor)
    typer.echo(f"{takedown_id} is lifted.")


def _list(as_json: bool) -> None:
    with opened_control() as control:
        asked = {found.takedown_id: found.requested_by for found in control.restore_requests()}
        rows = [
            {
                "id": found.id,
                "item_id": found.item_id,
                "territory": found.territory,
                "since": iso(found.at),
                "reason": found.reason,
                "restore_requested_by": asked.get(found.id),
            }
            for found in control.takedowns()
        ]
    show("Takedowns in force", rows, as_json=as_json)
