"""`recsys override`: what editors pin, boost, bury and leave out."""

import math
import secrets
import time
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.errors import ConfigError
from serving.commands.opening import Actor, Reason, moment, opened_control, policy_in_force
from serving.commands.printing import Json, iso, show

if TYPE_CHECKING:
    from recsys.overrides import Action

group = typer.Typer(help="Pin, boost, bury or exclude an item until a stated end.")

Item = Annotated[str, typer.Argument(help="The item's id.")]
End = Annotated[str, typer.Option(help="When it ends: 2026-12-31T18:00:00Z or, from now, +12h, +7d, +2w.")]
Start = Annotated[str | None, typer.Option(help="When it begins; at once if left out.")]
Surfaces = Annotated[list[str] | None, typer.Option("--surface", help="Repeatable; all surfaces if left out.")]
Territories = Annotated[list[str] | None, typer.Option("--territory", help="Repeatable; everywhere if left out.")]
Priority = Annotated[int, typer.Option(help="The higher wins.")]
Note = Annotated[str, typer.Option("--reason", help="Why, for the audit and the other editors.")]


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    for command in (pin, boost, bury, exclude, revoke):
        group.command()(command)
    group.command("list")(listing)
    app.add_typer(group, name="override", no_args_is_help=True)


def pin(
    item: Item,
    slot: Annotated[int, typer.Option(help="The position, 1 is the top.")],
    end: End,
    actor: Actor,
    start: Start = None,
    surface: Surfaces = None,
    territory: Territories = None,
    priority: Priority = 0,
    reason: Note = "",
) -> None:
    """Hold an item at a position."""
    _put("pin", item, (slot, None), (start, end), (surface, territory), (priority, actor, reason))


def boost(
    item: Item,
    factor: Annotated[float, typer.Option(help="1 to 5: what the item's score is multiplied by.")],
    end: End,
    actor: Actor,
    start: Start = None,
    surface: Surfaces = None,
    territory: Territories = None,
    priority: Priority = 0,
    reason: Note = "",
) -> None:
    """Move an item up."""
    _put("boost", item, (None, factor), (start, end), (surface, territory), (priority, actor, reason))


def bury(
    item: Item,
    factor: Annotated[float, typer.Option(help="0.2 to 1: what the item's score is multiplied by.")],
    end: End,
    actor: Actor,
    start: Start = None,
    surface: Surfaces = None,
    territory: Territories = None,
    priority: Priority = 0,
    reason: Note = "",
) -> None:
    """Move an item down."""
    _put("bury", item, (None, factor), (start, end), (surface, territory), (priority, actor, reason))


def exclude(
    item: Item,
    end: End,
    actor: Actor,
    start: Start = None,
    surface: Surfaces = None,
    territory: Territories = None,
    priority: Priority = 0,
    reason: Note = "",
) -> None:
    """Leave an item out."""
    _put("exclude", item, (None, None), (start, end), (surface, territory), (priority, actor, reason))


def revoke(override_id: Annotated[str, typer.Argument(help="As listed.")], actor: Actor, reason: Reason) -> None:
    """End an override now."""
    with opened_control() as control:
        if not control.revoke_override(override_id, actor, reason):
            raise ConfigError(f"No override in force has the id {override_id}; list them with: recsys override list.")
    typer.echo(f"{override_id} is revoked.")


def listing(as_json: Json = False) -> None:
    """Show the overrides that have not ended."""
    with opened_control() as control:
        rows = [
            {
                "id": found.id,
                "action": found.action,
                "item_id": found.item_id,
                "slot": found.slot,
                "factor": found.factor,
                "surfaces": ", ".join(sorted(found.surfaces)) or None,
                "territories": ", ".join(sorted(found.territories)) or None,
                "start": iso(found.start),
                "end": iso(found.end),
                "priority": found.priority,
                "by": found.created_by,
                "reason": found.reason,
            }
            for found in control.overrides()
        ]
    show("Overrides", rows, as_json=as_json)


def _put(
    action: "Action",
    item: str,
    how: tuple[int | None, float | None],
    when: tuple[str | None, str],
    where: tuple[list[str] | None, list[str] | None],
    who: tuple[int, str, str],
) -> None:
    from recsys.overrides import Override
    from serving.campaigns.desk import Desk
    from serving.campaigns.four_eyes import FourEyes
    from serving.settings import Settings

    start, end = when
    surfaces, territories = where
    priority, actor, reason = who
    override = Override(
        id=f"ov_{secrets.token_hex(6)}",
        action=action,
        item_id=item,
        slot=how[0],
        factor=how[1],
        surfaces=frozenset(surfaces or ()),
        territories=frozenset(code.upper() for code in territories or ()),
        start=-math.inf if start is None else moment(start, "--start"),
        end=moment(end, "--end"),
        priority=priority,
        created_at=time.time(),
        created_by=actor,
        reason=reason,
    )
    override.validate()
    with opened_control() as control:
        desk = Desk(control, FourEyes.load(Settings().four_eyes), policy=policy_in_force(control))
        desk.refuse_single(override.campaign)
        control.put_override(override, actor)
    typer.echo(f"{override.id}: {action} {item} until {iso(override.end)}.")
