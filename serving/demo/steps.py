"""The loop as commands: get, ingest, train, sync, keys. What is there already is reused."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from recsys.errors import RecsysError

DATA_SET = "movielens-100k"
SPEC = "demo"
PEOPLE = {  # who acts in the demo, and in which role; two officers, because a restore needs two people
    "platform": ("demo-app", "platform"),
    "editor": ("demo-editor", "editor"),
    "safety": ("demo-officer", "safety"),
    "second officer": ("demo-officer-2", "safety"),
}


class StepFailed(RecsysError):
    """A command of the demo did not succeed."""


def environment(var: Path) -> dict[str, str]:
    """One state folder, a clock that follows the old log, and a policy pack that labels every film."""
    return {**os.environ, "RECSYS_VAR": str(var), "RECSYS_CLOCK": "events", "RECSYS_POLICY": "demo"}


def run(var: Path, *arguments: str, keep: Path | None = None) -> str:
    """Run one `recsys` command and return what it printed; its progress stays visible."""
    command = [sys.executable, "-m", "training.cli", *arguments]
    done = subprocess.run(command, env=environment(var), stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise StepFailed(f"`recsys {' '.join(arguments)}` ended with code {done.returncode}; its message is above.")
    if keep is not None:
        keep.write_text(done.stdout)
    return done.stdout


def prepare(var: Path, console: Console) -> str:
    """Everything up to a published model; returns the table of models and metrics."""
    data, lake, table = var / "data" / DATA_SET, var / "lake", var / "demo-models.txt"
    var.mkdir(parents=True, exist_ok=True)
    if not (var / "champion.json").exists() or not table.exists():
        _say(console, "1/5", f"getting {DATA_SET}")
        console.print(run(var, "data", "get", DATA_SET, "--to", str(data.parent)), highlight=False)
        _say(console, "2/5", "ingesting the log into the lake")
        files = [f"--{name}={data / name}.parquet" for name in ("events", "items", "users")]
        console.print(run(var, "ingest", f"--lake={lake}", *files), highlight=False)
        _say(console, "3/5", "training and comparing models (a few minutes)")
        run(var, "train", f"--lake={lake}", f"--spec={SPEC}", keep=table)
    else:
        _say(console, "1–3/5", "data, lake and model are there already")
    _say(console, "4/5", "telling the service what its users have seen")
    console.print(run(var, "state", "sync", f"--lake={lake}"), highlight=False)
    return table.read_text()


def keys(var: Path, console: Console) -> Mapping[str, str]:
    """One API key a person, made once and kept in a file that only its owner can read."""
    file = var / "demo-keys.json"
    if file.exists():
        found: dict[str, str] = json.loads(file.read_text())
        return found
    _say(console, "5/5", "making API keys for an app, an editor and two safety officers")
    made = {who: run(var, "key", "create", name, "--role", role).strip() for who, (name, role) in PEOPLE.items()}
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(made, out)
    return made


def _say(console: Console, step: str, what: str) -> None:
    console.rule(f"[bold]{step}[/bold] {what}", align="left")
