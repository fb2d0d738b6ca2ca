import subprocess
import sys
from collections.abc import Callable

import pytest
import typer

from recsys.errors import BundleError, ConfigError, DataError, GateError, RecsysError, StoreError
from training import cli

HEAVY = ("torch", "mlflow", "bentoml", "scipy", "pandas", "pyarrow", "matplotlib")


def app_that(run: Callable[[], None]) -> Callable[[], typer.Typer]:
    def build() -> typer.Typer:
        app = typer.Typer(pretty_exceptions_enable=False)
        app.command()(run)
        return app

    return build


def raising(error: Exception) -> Callable[[], typer.Typer]:
    def run() -> None:
        raise error

    return app_that(run)


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigError, 2), (DataError, 3), (GateError, 4), (BundleError, 5), (StoreError, 5)],
)
def test_an_error_is_its_sentence_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: type[RecsysError], code: int
) -> None:
    monkeypatch.setattr(cli, "build", raising(error("The lake is empty.")))
    monkeypatch.setattr(sys, "argv", ["recsys"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    captured = capsys.readouterr()
    assert (left.value.code, captured.err, captured.out) == (code, "recsys: The lake is empty.\n", "")


def test_an_unforeseen_error_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "build", raising(ZeroDivisionError("division by zero")))
    monkeypatch.setattr(sys, "argv", ["recsys"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    err = capsys.readouterr().err
    assert left.value.code == 1
    assert err.startswith("recsys: Unexpected ZeroDivisionError: division by zero.")
    assert "Traceback" not in err


def test_debugging_shows_the_error_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSYS_DEBUG", "1")
    monkeypatch.setattr(cli, "build", raising(ZeroDivisionError("division by zero")))
    monkeypatch.setattr(sys, "argv", ["recsys"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_a_usage_error_exits_with_two(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["recsys", "train", "--no-such-option"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "--no-such-option" in capsys.readouterr().err


def test_an_unknown_spec_exits_with_two_and_lists_what_ships(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["recsys", "train", "--lake", "nowhere", "--spec", "nothing"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert "one of: best, default," in capsys.readouterr().err


def test_help_lists_trainings_commands_without_importing_anything_heavy() -> None:
    code = (
        "import sys; from training.cli import build\n"
        "try: build()(['--help'])\n"
        f"except SystemExit: print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "heavy: []" in done.stdout
    for command in ("train", "evaluate", "promote", "rollback", "history", "models", "follow", "retrain", "drift"):
        assert f" {command} " in done.stdout


def test_a_package_whose_commands_are_missing_leaves_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = cli.importlib.metadata.EntryPoint("lost", "no_such_package.cli:commands", cli.GROUP)
    monkeypatch.setattr(cli.importlib.metadata, "entry_points", lambda group: [entry])
    monkeypatch.setattr(sys, "argv", ["recsys", "--version"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    captured = capsys.readouterr()
    assert left.value.code == 0
    assert "'lost'" in captured.err
    assert captured.out.strip()
