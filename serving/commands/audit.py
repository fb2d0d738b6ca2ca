"""`recsys audit`: who did what, and whether the record of it holds."""

import csv
import io
import json
from pathlib import Path
from typing import Annotated

import typer

from recsys.errors import ConfigError, DataError
from serving.commands.opening import moment, opened_control

group = typer.Typer(help="Verify and export the audit log.")


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    group.command()(verify)
    group.command()(export)
    app.add_typer(group, name="audit", no_args_is_help=True)


def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An exported file (jsonl); the store's own log if left out.")
    ] = None,
) -> None:
    """Check the chain of hashes; exit code 3 where a line is altered, missing or out of place."""
    if file is not None:
        _verify_file(file)
        return
    with opened_control() as control:
        bad = control.verify_audit()
        lines = control.audit()
    if bad is not None:
        raise DataError(f"The audit log does not hold from line {bad} on; compare it with the last export.")
    head = lines[-1].hash if lines else "empty"
    typer.echo(f"The audit log holds: {len(lines)} lines, the last one's hash is {head}.")


def export(
    out: Annotated[Path | None, typer.Option(help="File to write; the terminal if left out.")] = None,
    since: Annotated[str, typer.Option(help="Only after this line number, or from this time on (ISO 8601).")] = "0",
    form: Annotated[str, typer.Option("--format", help="jsonl, which `verify` reads, or csv.")] = "jsonl",
) -> None:
    """Write the log: who, when, what, before, after, why."""
    if form not in ("jsonl", "csv"):
        raise ConfigError(f"--format is {form!r}; write jsonl or csv.")
    with opened_control() as control:
        number = int(since) if since.isdecimal() else control.audit_before(moment(since, "--since"))
        lines = control.export_audit(number)
    text = "".join(f"{line}\n" for line in lines) if form == "jsonl" else _csv(lines)
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    typer.echo(f"{len(lines)} lines are in {out}.")


def _csv(lines: list[str]) -> str:
    """Text that begins like a formula is quoted, so that a spreadsheet reads it as text."""
    rows = [json.loads(line) for line in lines]
    target = io.StringIO()
    writer = csv.writer(target)
    names = list(rows[0]) if rows else []
    writer.writerow(names)
    for row in rows:
        values = (
            row[name] if isinstance(row[name], str) else json.dumps(row[name], ensure_ascii=False) for name in names
        )
        writer.writerow([f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value for value in values])
    return target.getvalue()


def _verify_file(file: Path) -> None:
    from serving.stores.audit import verify_lines

    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
        bad = verify_lines(lines)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} cannot be read as exported JSON lines: {error!r}.") from None
    if bad is not None:
        raise DataError(f"{file} does not hold from line {bad} on: it is altered, missing or out of place.")
    first = lines[0]["seq"] if lines else 1
    told = "" if first == 1 else f" It begins with line {first}, whose hash the export before has to lead to."
    typer.echo(f"{file} holds: {len(lines)} lines.{told}")
