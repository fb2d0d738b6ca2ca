"""`recsys state`: between the lake and what serving knows of users."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.errors import ConfigError
from serving.commands.opening import opened_control, opened_state
from serving.commands.printing import Json

if TYPE_CHECKING:
    from recsys.lake import Lake

group = typer.Typer(help="Bring the lake's users into serving, and accepted events into the lake.")
Where = Annotated[str | None, typer.Option("--lake", help="Folder or URI; the lake of the settings if left out.")]


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    group.command()(sync)
    group.command()(drain)
    app.add_typer(group, name="state", no_args_is_help=True)


def sync(lake: Where = None, as_json: Json = False) -> None:
    """Fill the user state from the lake: only what is new, harmless to repeat."""
    from serving.stores import sync as between

    source = _lake(lake)
    if not source.versions():
        raise ConfigError(f"{source.root} holds no lake; name one with --lake or fill it with recsys ingest.")
    with opened_control() as control, opened_state() as state, _counting() as progress:
        report = between.sync(source, state, control, progress=progress)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
        return
    typer.echo(
        f"{report.added} events and {report.profiles} profiles were added from {source.root}"
        f" (events version {report.version}); {report.skipped_erased} events of erased users stayed away."
    )


def drain(lake: Where = None) -> None:
    """Move accepted events into the lake now."""
    from serving.stores import sync as between

    target = _lake(lake)
    with opened_control() as control, opened_state() as state:
        added = between.drain(state, target, control)
    typer.echo(f"{added} events were added to {target.root}.")


def _lake(given: str | None) -> "Lake":
    from recsys.lake import Lake
    from serving.settings import Settings

    location = given or Settings().lake_location()
    if location is None:
        raise ConfigError("There is no lake under the state folder; name one with --lake.")
    return Lake(location)


@contextmanager
def _counting() -> Iterator[Callable[[int], None]]:
    """A counter of rows on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.completed:,.0f} events read"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("events", total=None)
        yield lambda rows: bar.advance(task, rows)
