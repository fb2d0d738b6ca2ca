"""`recsys campaign`: campaigns from a file to the air and off it."""

import json
import math
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.errors import ConfigError, DataError
from serving.commands.opening import Actor, moment
from serving.commands.printing import Json, iso, show

if TYPE_CHECKING:
    from serving.campaigns.desk import Desk
    from serving.stores.campaigns import Filed, Said

group = typer.Typer(help="Write, try, approve and stop campaigns.")

Name = Annotated[str, typer.Argument(help="The campaign's id.")]
File = Annotated[Path, typer.Argument(help="A campaign as TOML or JSON; a list of them under `campaigns`.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for the audit and the other editors.")]
Read = Annotated[int | None, typer.Option("--version", min=1, help="The version that you have read.")]
Key = Annotated[str | None, typer.Option("--key", help="The same key again changes nothing.")]


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    for command in (create, update, validate, submit, approve, reject, pause, resume, revoke, history, preview):
        group.command()(command)
    group.command("list")(listing)
    group.command("show")(display)
    group.command("import")(take_in)
    group.command("export")(give_out)
    app.add_typer(group, name="campaign", no_args_is_help=True)


def create(file: File, actor: Actor, reason: Why = "", key: Key = None) -> None:
    """Write a draft; nothing of it is shown."""
    with _desk() as desk:
        for document in _documents(file):
            _say(desk.create(document, _said(actor, reason, None, key)))


def update(name: Name, file: File, actor: Actor, version: Read = None, reason: Why = "") -> None:
    """Change a campaign; what only tightens acts at once, the rest waits for approval."""
    (document,) = _documents(file)
    with _desk() as desk:
        _say(desk.update(name, document, _said(actor, reason, version)))


def validate(name: Name, actor: Actor, as_json: Json = False) -> None:
    """Try a campaign: who loses to whom, what safety and rights keep away, how many lists it would reach."""
    with _desk(view=True) as desk:
        filed, found = desk.validate(name, _said(actor, "", None))
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, indent=2))
    else:
        _say(filed)
        for what, rows in asdict(found).items():
            for row in rows if isinstance(rows, list | tuple) else [rows] if rows else []:
                typer.echo(f"  {what}: {_line(row)}")
    if found.mistakes:
        raise DataError(f"The campaign {name!r} is not validated: {'; '.join(found.mistakes)}.")


def submit(name: Name, actor: Actor, version: Read = None, reason: Why = "") -> None:
    """Ask for approval; on air at once where one person is enough."""
    with _desk() as desk:
        _say(desk.submit(name, _said(actor, reason, version)))


def approve(name: Name, actor: Actor, version: Read = None, reason: Why = "") -> None:
    """Put a pending campaign on air, as another person where a rule says so."""
    with _desk() as desk:
        _say(desk.approve(name, _said(actor, reason, version)))


def reject(name: Name, actor: Actor, version: Read = None, reason: Why = "") -> None:
    """Send a pending campaign back to its authors."""
    with _desk() as desk:
        _say(desk.reject(name, _said(actor, reason, version)))


def pause(name: Name, actor: Actor, reason: Why = "") -> None:
    """Take it off the air at once."""
    with _desk() as desk:
        _say(desk.pause(name, _said(actor, reason, None)))


def resume(name: Name, actor: Actor, version: Read = None, reason: Why = "") -> None:
    """Ask to put a paused campaign on air again."""
    with _desk() as desk:
        _say(desk.resume(name, _said(actor, reason, version)))


def revoke(name: Name, actor: Actor, reason: Why = "") -> None:
    """End it for good."""
    with _desk() as desk:
        _say(desk.revoke(name, _said(actor, reason, None)))


def listing(as_json: Json = False) -> None:
    """Show all campaigns."""
    with _desk() as desk:
        rows = [
            {
                "id": filed.id,
                "state": filed.state,
                "version": filed.version,
                "name": filed.document.get("name"),
                "end": iso(filed.end),
                "by": filed.created_by,
                "on air": filed.served is not None,
            }
            for filed in desk.control.campaigns()
        ]
    show("Campaigns", rows, as_json=as_json)


def display(name: Name) -> None:
    """Show one campaign, as JSON."""
    with _desk() as desk:
        filed = desk.control.campaign(name)
        told = {**asdict(filed), "four_eyes": desk.four_eyes.why(filed.campaign, desk.minor_surfaces)}
    typer.echo(json.dumps(told, ensure_ascii=False, indent=2))


def history(name: Name, as_json: Json = False) -> None:
    """Show who did what with a campaign."""
    with _desk() as desk:
        desk.control.campaign(name)
        rows = [
            {"version": v.version, "act": v.act, "state": v.state, "by": v.actor, "at": iso(v.at), "reason": v.reason}
            for v in desk.control.campaign_history(name)
        ]
    show(f"History of {name}", rows, as_json=as_json)


def take_in(file: File, actor: Actor, reason: Why = "imported") -> None:
    """Write every campaign of a file as a draft; all or, where one cannot be read, none."""
    from recsys.overrides.documents import campaign_from

    documents = _documents(file)
    with _desk() as desk:
        for document in documents:
            campaign_from(document).validate(desk.minor_surfaces)
        known = {filed.id for filed in desk.control.campaigns()}
        if taken := [str(document["id"]) for document in documents if document.get("id") in known]:
            raise ConfigError(f"There are campaigns already of the ids {', '.join(taken)}; nothing was imported.")
        for document in documents:
            _say(desk.create(document, _said(actor, reason, None)))


def give_out(
    file: Annotated[Path, typer.Argument(help="File to write: .toml or .json.")],
    names: Annotated[list[str] | None, typer.Option("--id", help="Repeatable; all campaigns if left out.")] = None,
) -> None:
    """Write campaigns to a file that `import` reads."""
    with _desk() as desk:
        wanted = [desk.control.campaign(name) for name in names] if names else desk.control.campaigns()
    documents = {"campaigns": [filed.document for filed in wanted]}
    if file.suffix == ".json":
        file.write_text(json.dumps(documents, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    else:
        import tomli_w

        file.write_text(tomli_w.dumps(documents), encoding="utf-8")
    typer.echo(f"{len(wanted)} campaigns are in {file}.")


def preview(
    actor: Actor,
    name: Annotated[str | None, typer.Argument(help="A campaign to try; none if left out.")] = None,
    surface: Annotated[str, typer.Option(help="Where.")] = "feed",
    territory: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 code.")] = None,
    age: Annotated[int | None, typer.Option(min=0, max=130, help="Of whom; unknown if left out.")] = None,
    user: Annotated[str | None, typer.Option(help="As this user.")] = None,
    at: Annotated[str | None, typer.Option(help="When: ISO 8601, or +2h; now if left out.")] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=200, help="Items.")] = 10,
) -> None:
    """Print a list as somebody would have it, with and without a campaign; it counts as nothing.

    With --user the audit says who has looked.
    """
    from recsys.overrides import NoExposure
    from recsys.types import Viewer
    from serving.asks import Ask
    from serving.campaigns.preview import Stage
    from serving.campaigns.preview import preview as previewed
    from serving.commands.opening import opened_state

    with _desk(view=True) as desk, opened_state() as state:
        if desk.view is None:
            raise ConfigError("A preview needs a published model; train and promote one.")
        draft = None if name is None else desk.control.campaign(name).campaign
        ask = Ask(Viewer(surface, territory.upper() if territory else None, age), k, user, deadline=math.inf)
        when = desk.view.gate.clock() if at is None else moment(at, "--at")
        found = previewed(Stage(desk.view, desk.control, state, NoExposure(), actor), ask, when, draft)
    typer.echo(json.dumps({**found, "at": iso(when)}, ensure_ascii=False, indent=2))


@contextmanager
def _desk(*, view: bool = False) -> "Iterator[Desk]":
    """A desk over the stores of the settings; with ``view`` over the published model too, where there is one."""
    from serving.campaigns.desk import Desk
    from serving.campaigns.four_eyes import FourEyes
    from serving.campaigns.recent_lists import recent_lists
    from serving.commands.opening import opened_control, policy_in_force
    from serving.settings import Settings

    settings = Settings()
    with opened_control() as control:
        rules = FourEyes.load(settings.four_eyes)
        if not view:
            yield Desk(control, rules, policy=policy_in_force(control))
            return
        from recsys.clock import system_clock
        from serving.batch import the_bundle
        from serving.building import build

        try:
            seen = build(the_bundle(None, settings), control, system_clock, settings.policy)
        except ConfigError:
            seen = None
        lists = recent_lists(settings.decisions_folder())
        yield Desk(control, rules, seen, policy_in_force(control), lists)


def _documents(file: Path) -> list[dict[str, Any]]:
    """The campaigns of a file."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        given = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read as TOML or JSON: {error}.") from None
    found = given.get("campaigns", [given]) if isinstance(given, dict) else given
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise DataError(f"{file} holds no campaign: write its fields, or a list under `campaigns`.")
    return found


def _said(actor: str, reason: str, version: int | None, key: str | None = None) -> "Said":
    from serving.stores.campaigns import Said

    return Said(actor, reason, version, key)


def _say(filed: "Filed") -> None:
    typer.echo(f"{filed.id} is {filed.state}, version {filed.version}.")


def _line(row: Any) -> str:
    return ", ".join(f"{name}: {value}" for name, value in row.items()) if isinstance(row, dict) else str(row)
