"""How commands say what they found: a table for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def show(title: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Rows with the same keys, as a table or as one JSON array."""
    if as_json:
        typer.echo(json.dumps(list(rows), ensure_ascii=False, indent=2))
        return
    if not rows:
        typer.echo(f"{title}: none.")
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row.values()))
    Console().print(table)


def iso(at: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC; None for None and for what is no moment."""
    if at is None or abs(at) == float("inf"):
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
