"""Serving's commands in this process, as fixtures that a test file imports."""

import pytest
import typer
from typer.testing import CliRunner

from serving.cli import commands
from serving.settings import Settings
from support.http import publish


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An empty folder as the current one, no setting in the environment, and tables wide enough to read."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RECSYS_{name.upper()}", raising=False)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A state folder with a small bundle."""
    var = tmp_path_factory.mktemp("var")
    publish(var)
    return var


@pytest.fixture
def over_a_bundle(nowhere, published, tmp_path, monkeypatch):
    """The commands see the bundle of ``published`` and a control store of the test's own."""
    monkeypatch.setenv("RECSYS_VAR", str(published))
    monkeypatch.setenv("RECSYS_CONTROL_URL", str(tmp_path / "control.db"))


@pytest.fixture
def recsys(nowhere):
    """``recsys("label", "list")`` gives what it prints; with ``fails=ConfigError`` the sentence of that error."""
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
