"""Serving's part of the command line, mounted through the entry-point group ``recsys.commands``."""

import importlib
import pkgutil
from functools import cache

import typer


def commands(app: typer.Typer) -> None:
    """Add every command of ``serving.commands`` to the root app; none imports a store before it runs."""
    whole = _whole()
    app.registered_commands += whole.registered_commands
    app.registered_groups += whole.registered_groups


@cache
def _whole() -> typer.Typer:
    """All of them, once: groups are the modules' own, and registering twice would hold every command twice."""
    app = typer.Typer()
    package = importlib.import_module("serving.commands")
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        module = importlib.import_module(f"serving.commands.{found.name}")
        if hasattr(module, "register"):
            module.register(app)
    return app
