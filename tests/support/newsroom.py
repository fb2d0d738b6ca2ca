"""The commands of a newsroom in a folder of their own, and a campaign for them."""

import pytest
import typer
from typer.testing import CliRunner

from serving.cli import commands
from serving.settings import Settings

FESTIVAL = """
id = "festival"
name = "修复电影 · Restored"
surfaces = ["home"]
end = 2999-02-15
zone = "Asia/Shanghai"
caps = { user_day = 3 }

[[actions]]
kind = "pin"
item_id = "408"
slot = 1
"""


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A folder without any settings."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RECSYS_{name.upper()}", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "festival.toml").write_text(FESTIVAL, encoding="utf-8")


@pytest.fixture
def recsys():
    """Runs a command; gives what it printed, or what the exception of ``fails`` says."""
    app = typer.Typer()
    commands(app)

    def run(*arguments, fails=None):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if fails is None:
            assert result.exit_code == 0, result.output + repr(result.exception)
            return result.stdout
        assert isinstance(result.exception, fails), result.output + repr(result.exception)
        return str(result.exception)

    return run


def on_air(recsys):
    """The festival, written by Anna and approved by Ben."""
    recsys("campaign", "create", "festival.toml", "--actor", "anna")
    recsys("campaign", "validate", "festival", "--actor", "anna")
    recsys("campaign", "submit", "festival", "--actor", "anna")
    return recsys("campaign", "approve", "festival", "--version", 3, "--actor", "ben")
