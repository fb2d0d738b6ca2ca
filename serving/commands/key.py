"""`recsys key`: who may call the API."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from recsys.errors import ConfigError
from serving.commands.opening import Actor, opened_control
from serving.commands.printing import Json, iso, show

if TYPE_CHECKING:
    from serving.stores.control import Role

group = typer.Typer(help="Make, list and revoke API keys.")


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    group.command()(create)
    group.command("list")(listing)
    group.command()(revoke)
    app.add_typer(group, name="key", no_args_is_help=True)


def create(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    role: Annotated[str, typer.Option(help="platform, editor, safety, metrics or admin.")],
    actor: Actor,
    rate: Annotated[float | None, typer.Option(help="Requests a second and worker; by the role if left out.")] = None,
) -> None:
    """Make a key; its token is printed once and cannot be read again."""
    with opened_control() as control:
        token = control.create_key(name, cast("Role", role), actor, rate=rate)
    typer.echo(token)
    typer.echo("This token is shown once; keep it where secrets are kept.", err=True)


def listing(as_json: Json = False) -> None:
    """Show every key, revoked ones too; never a token."""
    with opened_control() as control:
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "role": key.role,
                "created": iso(key.created_at),
                "by": key.created_by,
                "rate": key.rate,
                "revoked": iso(key.revoked_at),
            }
            for key in control.keys()  # noqa: SIM118 - a store, not a dict
        ]
    show("API keys", rows, as_json=as_json)


def revoke(key_id: Annotated[str, typer.Argument(help="As listed.")], actor: Actor) -> None:
    """Make a key worthless, from the next request on."""
    with opened_control() as control:
        if not control.revoke_key(key_id, actor):
            raise ConfigError(f"No key in use has the id {key_id}; list them with: recsys key list.")
    typer.echo(f"{key_id} is revoked.")
