"""The command line in this process, over a state folder of a test's own."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from serving.cli import commands
from serving.settings import Settings


def recsys(folder: Path, *arguments: object, code: int = 0) -> str:
    """What a command prints, run in ``folder``, whose state is in ``folder/var``. No setting but that holds."""
    app = typer.Typer()
    commands(app)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in Settings.model_fields:
            patch.delenv(f"RECSYS_{name.upper()}", raising=False)
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return str(result.stdout)
