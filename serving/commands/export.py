"""`recsys export`: works as schema.org or Dublin Core."""

import time
from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import ConfigError
from serving.commands.opening import opened_control


def register(app: typer.Typer) -> None:
    """Add the command to the root app."""
    app.command()(export)


def export(
    form: Annotated[str, typer.Option("--format", help="schemaorg (JSON-LD) or dc (Dublin Core in XML).")],
    out: Annotated[
        Path | None, typer.Option(help="A file for all works, or an existing folder for one file each; the terminal.")
    ] = None,
    item: Annotated[list[str] | None, typer.Option(help="Only this item; repeatable.")] = None,
) -> None:
    """Write works with their rights, age and labels, as the gate reads them."""
    from recsys.safety.export import Work
    from serving.export import SUFFIX, chunks, write_file, write_folder
    from serving.rights import rights_of
    from serving.settings import Settings
    from serving.works import holding, works

    chosen = next((known for known in SUFFIX if known == form), None)
    if chosen is None:
        raise ConfigError(f"--format {form!r:.20} is not known; give one of {', '.join(SUFFIX)}.")
    with opened_control() as control:
        known = works(Settings(), control)
        documents, orders = control.rights(), control.takedowns()
        said = holding(control, known, time.time())
    if lost := [name for name in item or () if name not in known]:
        raise ConfigError(f"No item has the id {lost[0]!r:.80}; give one of the published bundle or an upserted one.")
    rights = rights_of({name: known[name] for name in item} if item else known, documents, orders)
    found = (Work(known[name], right, said.get(name)) for name, right in rights)
    if out is None:
        for chunk in chunks(found, chosen):
            typer.echo(chunk, nl=False)
    elif out.is_dir():
        typer.echo(f"{write_folder(found, chosen, out)} works are in {out}.")
    else:
        write_file(found, chosen, out)
        typer.echo(f"{len(item or known)} works are in {out}.")
