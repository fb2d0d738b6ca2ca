"""`recsys audit`: who did what, and whether the record of it holds."""

from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import DataError
from serving.commands.opening import opened_control

group = typer.Typer(help="Verify and export the audit log.")


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    group.command()(verify)
    group.command()(export)
    app.add_typer(group, name="audit", no_args_is_help=True)


def verify() -> None:
    """Check the chain of hashes; exit code 3 where a line is altered, missing or out of place."""
    with opened_control() as control:
        bad = control.verify_audit()
        lines = control.audit()
    if bad is not None:
        raise DataError(f"The audit log does not hold from line {bad} on; compare it with the last export.")
    head = lines[-1].hash if lines else "empty"
    typer.echo(f"The audit log holds: {len(lines)} lines, the last one's hash is {head}.")


def export(
    out: Annotated[Path | None, typer.Option(help="File to write; the terminal if left out.")] = None,
    since: Annotated[int, typer.Option(min=0, help="Only the lines after this number.")] = 0,
) -> None:
    """Write the log as JSON lines."""
    with opened_control() as control:
        lines = control.export_audit(since)
    text = "".join(f"{line}\n" for line in lines)
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    typer.echo(f"{len(lines)} lines are in {out}.")
