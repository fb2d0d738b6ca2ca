"""`python -m serving`: serving's commands alone, as in an image that holds no training."""

import sys

import typer

from recsys.errors import RecsysError
from serving.cli import commands


def main() -> None:
    """Run a command; what goes wrong is one sentence."""
    app = typer.Typer(name="serving", no_args_is_help=True, pretty_exceptions_enable=False)
    commands(app)
    try:
        app()
    except RecsysError as error:
        typer.echo(f"serving: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
