"""The one command ``recsys``: training's subcommands, and those of the entry-point group ``recsys.commands``."""

import importlib
import importlib.metadata
import os
import pkgutil
import sys
from typing import Annotated

import typer

from recsys.errors import RecsysError

GROUP = "recsys.commands"
DEBUG = "RECSYS_DEBUG"


def main() -> None:
    """Run ``recsys``; an error is one sentence on stderr and an exit code; RECSYS_DEBUG=1 gives the traceback."""
    try:
        build()(prog_name="recsys")
    except RecsysError as error:
        _fail(str(error), error.exit_code, error)
    except Exception as error:  # noqa: BLE001 -- the last place where an error can still be told in a sentence
        _fail(f"Unexpected {type(error).__name__}: {error}. Run it again with {DEBUG}=1 for details.", 1, error)


def build() -> typer.Typer:
    """The root app with every command mounted. Commands import what they need only when they run."""
    app = typer.Typer(
        name="recsys",
        help="Ingest logs, train and compare models, publish the best and recommend with it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    package = importlib.import_module("training.commands")
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
        importlib.import_module(f"training.commands.{module.name}").register(app)
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda found: found.name):
        _mount(app, entry)
    return app


def _mount(app: typer.Typer, entry: importlib.metadata.EntryPoint) -> None:
    """A package whose commands cannot be imported must not take the others down with it."""
    try:
        mount = entry.load()
    except ImportError as error:
        typer.echo(f"recsys: the commands of {entry.name!r} ({entry.value}) are missing: {error}.", err=True)
        return
    mount(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(importlib.metadata.version("recsys"))
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None: ...


def _fail(sentence: str, exit_code: int, error: Exception) -> None:
    if os.environ.get(DEBUG) == "1":
        raise error
    typer.echo(f"recsys: {sentence}", err=True)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
