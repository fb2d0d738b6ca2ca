import subprocess
import sys
from pathlib import Path

import typer
import yaml

from training.cli import build

ROOT = Path(__file__).parents[2]


def test_the_folder_named_mlflow_does_not_hide_the_installed_package() -> None:
    code = "import mlflow; print(mlflow.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found = Path(done.stdout.strip())
    assert "site-packages" in found.parts
    assert not found.is_relative_to(ROOT / "mlflow")


def test_the_folder_named_mlflow_holds_no_python_at_its_top() -> None:
    assert (ROOT / "mlflow" / "MLproject").is_file()
    assert list((ROOT / "mlflow").glob("*.py")) == []


def test_every_entry_point_calls_a_command_with_options_that_it_has() -> None:
    points = yaml.safe_load((ROOT / "mlflow" / "MLproject").read_text())["entry_points"]
    assert {"train", "evaluate", "retrain", "drift"} <= points.keys()
    commands = typer.main.get_command(build()).commands
    for name, point in points.items():
        words = point["command"].removeprefix("cd .. && recsys ").split()
        known = {option for parameter in commands[words[0]].params for option in parameter.opts}
        assert words[0] == name
        assert {word for word in words if word.startswith("--")} <= known
        assert {word.strip("{}") for word in words if word.startswith("{")} == point["parameters"].keys()
