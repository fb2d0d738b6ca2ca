"""`recsys takedown` and `recsys restore`."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.errors import ConfigError, DataError, RecsysError
from serving.commands.opening import Actor, Reason, opened_control
from serving.commands.printing import Json, iso, show

if TYPE_CHECKING:
    from serving.stores.control import ControlStore
    from serving.stores.takedowns import Attachment

restore = typer.Typer(help="Bring an item back that was taken down: one person asks, another one agrees.")


def register(app: typer.Typer) -> None:
    """Add the commands to the root app."""
    app.command()(takedown)
    restore.command()(request)
    restore.command()(approve)
    app.add_typer(restore, name="restore", no_args_is_help=True)


def takedown(
    item: Annotated[str, typer.Argument(help="The item's id; or `list`, or `report`.")],
    actor: Actor,
    takedown_id: Annotated[str | None, typer.Argument(help="Of `report`: the takedown's id, as listed.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit; needed to take an item down.")] = None,
    territory: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 code; everywhere if left out.")] = None,
    legal_basis: Annotated[str, typer.Option(help="Law, order or contract that it rests on.")] = "",
    attach: Annotated[list[Path] | None, typer.Option(help="A document behind it; its hash is kept.")] = None,
    as_json: Json = False,
) -> None:
    """Take an item down, from the next request on; `takedown list` lists, `takedown report ID` tells all of one."""
    if item == "list" and reason is None:
        _list(as_json)
        return
    if item == "report" and takedown_id is not None:
        _report(takedown_id, as_json)
        return
    if takedown_id is not None:
        raise ConfigError(f"{takedown_id} is one argument too many; take down one item at a time.")
    if reason is None:
        raise ConfigError(f"Taking {item} down needs a reason; add --reason.")
    from serving.stores.takedowns import Basis

    attachments = tuple(_attachment(file) for file in attach or ())
    with opened_control() as control:
        known, record = _looked_up(item, control)
        basis = Basis(legal_basis, attachments, record)
        found = control.take_down(item, reason=reason, actor=actor, territory=territory, basis=basis)
    typer.echo(f"{item} is down {f'in {found.territory}' if found.territory else 'everywhere'}: {found.id}.")
    if not known:
        typer.echo(f"No work here has the id {item}; it stays down should one come. Was it mistyped?", err=True)


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


def _looked_up(item: str, control: "ControlStore") -> "tuple[bool, dict[str, Any] | None]":
    """Whether the id is one of a work, and its record. No order waits for a bundle that cannot be read, or for one."""
    from serving.champion import bundle_folder
    from serving.settings import Settings
    from serving.works import work

    settings = Settings()
    try:
        record = work(settings, control, item)
        published = bundle_folder(settings.var, settings.bundle) is not None
    except (RecsysError, OSError, ValueError):
        return True, None
    return record is not None or not published, record


def _attachment(file: Path) -> "Attachment":
    from serving.stores.takedowns import Attachment

    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"The attachment {file} cannot be read: {error}. Nothing was taken down.") from None
    return Attachment(file.name, len(content), hashlib.sha256(content).hexdigest())


def _report(takedown_id: str, as_json: bool) -> None:
    from serving.receipts.report import takedown_report
    from serving.settings import Settings

    with opened_control() as control:
        report = takedown_report(takedown_id, control, Settings())
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2, default=str))
        return
    where = report["territory"] or "everywhere"
    typer.echo(f"{takedown_id}: {report['item_id']} taken down {where}, {iso(report['ordered_at'])}")
    typer.echo(f"  by {report['ordered_by']}: {report['reason']}" + _told("legal basis", report["legal_basis"]))
    for one in report["attachments"]:
        typer.echo(f"  {one['name']}, {one['bytes']} bytes, sha256 {one['sha256']}")
    typer.echo(f"  shown {report['decisions_before']} times in the 7 days before, {report['decisions_after']} after")
    last, seconds = iso(report["last_at"]), report["seconds_to_last_appearance"]
    late = f", {seconds:.3f} s after the order" if report["decisions_after"] else ", before the order"
    typer.echo(f"  last shown: {last + late if last else 'not in that time'}")
    typer.echo(f"  restored: {iso(report['restored_at']) or 'no'}")
    for event in report["events"]:
        typer.echo(f"  {iso(event['at'])} {event['kind']}, delivered: {iso(event['delivered_at']) or 'not yet'}")


def _told(name: str, value: str) -> str:
    return f"; {name}: {value}" if value else ""
