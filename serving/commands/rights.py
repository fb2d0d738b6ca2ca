"""`recsys rights`: what ONIX, Avails and DDEX documents allow, and why a work is shown or not."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.errors import ConfigError
from serving.commands.opening import Actor, moment, opened_control
from serving.commands.printing import Json, iso

if TYPE_CHECKING:
    from recsys.safety.rights import Entry
    from serving.rights import Plan

group = typer.Typer(help="Import rights documents and explain what they allow.")
NAMED = 20  # works that are named in the summary; --json names all


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    group.command("import")(import_)
    group.command()(show)
    app.add_typer(group, name="rights", no_args_is_help=True)


def import_(
    files: Annotated[list[Path], typer.Argument(help="ONIX or DDEX XML, Avails as XML, XLSX or CSV.")],
    actor: Actor,
    form: Annotated[str | None, typer.Option("--format", help="onix, avails or ddex; guessed if left out.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option("--key", help="SCHEME=COLUMN by which works are found, as isbn=isbn; by item_id if left out."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Write what documents say into the control store; of a mistake in any file, nothing is written."""
    from serving.rights import parse_keys, plan
    from serving.settings import Settings
    from serving.works import works

    keys = parse_keys(key or ())
    entries = [entry for file in files for entry in _read(file, form)]
    with opened_control() as control:
        found = plan(entries, works(Settings(), control, ["item_id", *keys.values()]), keys)
        if not dry_run:
            names = ", ".join(file.name for file in files)[:400]
            for item_id, where in found.takedowns.items():
                control.take_down(item_id, reason=f"The rights holder purged it: {where}", actor=actor)
            control.put_rights(found.rights, actor=actor, reason=f"Imported from {names}")
    _say(found, dry_run=dry_run, as_json=as_json)


def show(
    item: Annotated[str, typer.Argument(help="The item's id.")],
    territory: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 code; unknown if left out.")] = None,
    at: Annotated[str | None, typer.Option(help="The moment to judge, ISO 8601 or +7d; now if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Explain where and when a work may be shown: its own fields and the documents about it together."""
    from recsys.safety.rights import encoded
    from recsys.safety.rights.places import code
    from recsys.safety.rights.words import explained
    from serving.rights import rights_of
    from serving.settings import Settings
    from serving.works import works

    if territory is not None and code(territory) is None:
        raise ConfigError(f"--territory {territory!r:.20} is no ISO 3166-1 alpha-2 code; write DE or leave it out.")
    now = time.time() if at is None else moment(at, "--at")
    with opened_control() as control:
        record = works(Settings(), control).get(item)
        documents, orders = control.rights(), control.takedowns()
    if record is None:
        raise ConfigError(f"No item has the id {item!r:.80}; give one of the published bundle or an upserted one.")
    (_, rights) = next(rights_of({item: record}, documents, orders))
    if not as_json:
        for sentence in explained(rights, territory, now):
            typer.echo(sentence)
        return
    windows = [{"opens": iso(opens), "closes": iso(closes)} for opens, closes in rights.windows(territory)]
    answer = {"item_id": item, "territory": territory, "at": iso(now), "windows": windows}
    typer.echo(json.dumps({**answer, "reason": rights.reason(territory, now), "rights": json.loads(encoded(rights))}))


def _read(file: Path, form: str | None) -> "list[Entry]":
    from recsys.safety.rights import FORMATS, read_rights

    if form is None:
        return list(read_rights(file))
    chosen = next((known for known in FORMATS if known == form), None)
    if chosen is None:
        raise ConfigError(f"--format {form!r:.20} is not known; give one of {', '.join(FORMATS)} or leave it out.")
    return list(read_rights(file, chosen))


def _say(found: "Plan", *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        answer: dict[str, Any] = {
            "records": found.records,
            "matched": found.matched,
            "items": sorted(found.rights),
            "takedowns": sorted(found.takedowns),
            "unknown": found.unknown,
            "without_rights": found.silent,
        }
        typer.echo(json.dumps({**answer, "written": not dry_run}, ensure_ascii=False))
        return
    typer.echo(
        f"Works in the documents: {found.records}, known here: {found.matched}. "
        f"Items whose rights {'would be' if dry_run else 'are'} written: {len(found.rights)}, "
        f"taken down: {len(found.takedowns)}."
    )
    _name("No item here answers to", found.unknown)
    _name("Nothing is said of where it may be shown, so it is shown nowhere", found.silent)


def _name(what: str, works: tuple[str, ...]) -> None:
    for work in works[:NAMED]:
        typer.echo(f"{what}: {work}")
    if len(works) > NAMED:
        typer.echo(f"… and {len(works) - NAMED} more; --json names all.")
