"""`recsys serve`, `recommend`, `recheck`."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option(help="Parquet file to write: user_id, rank, item_id, score, source, labels.")]
BundleDir = Annotated[Path | None, typer.Option(help="A bundle's folder; the published champion if left out.")]
At = Annotated[
    str | None, typer.Option(help="The moment the lists are for, ISO 8601; the lake's newest event if left out.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the root app."""
    app.command()(serve)
    app.command()(recommend)
    app.command()(recheck)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Worker processes; 0 is one a core.")] = None,
) -> None:
    """Serve the published champion over HTTP until stopped."""
    from serving.ports import free
    from serving.settings import Settings

    settings = Settings()
    if settings.bundle is not None:
        from recsys.bundle import read_manifest

        read_manifest(settings.bundle)  # said here in a sentence, before workers start and fail one after the other
    arguments = [
        *(sys.executable, "-m", "bentoml", "serve", "serving.service:Recommender"),
        *("--host", host or settings.host),
        *("--port", str(port or settings.port)),
    ]
    settings.var.mkdir(parents=True, exist_ok=True)
    free(host or settings.host, port or settings.port)
    environment = serving_environment(settings.var)
    # BentoML counts workers by the service's own configuration, which reads this; its --api-workers is ignored
    environment["RECSYS_WORKERS"] = str(settings.workers if workers is None else workers)
    os.execve(sys.executable, arguments, environment)  # noqa: S606 - no shell, fixed arguments


def serving_environment(var: Path) -> dict[str, str]:
    """The environment of `bentoml serve`: its files under ``var``, no telemetry, one thread a worker."""
    return {
        **os.environ,
        "BENTOML_HOME": str((var / "bentoml").absolute()),
        "BENTOML_DO_NOT_TRACK": "True",
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }


def recommend(
    out: Out,
    users: Annotated[Path | None, typer.Option(help="File with one user id a line.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Every user of the lake.")] = False,
    k: Annotated[int, typer.Option("--k", min=1, help="Items a user.")] = 10,
    bundle: BundleDir = None,
    lake: Annotated[str | None, typer.Option(help="Lake to read histories from; the bundle's own if left out.")] = None,
    at: At = None,
    surface: Annotated[str, typer.Option(help="Surface whose safety policy applies.")] = "batch",
    territory: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 code.")] = None,
    age: Annotated[int | None, typer.Option(min=0, max=130, help="Age of the readers; unknown if left out.")] = None,
) -> None:
    """Write lists for many users, through the same engine, gate and control store as the service."""
    from recsys.types import Viewer
    from serving import batch
    from serving.histories import read_users
    from serving.settings import Settings

    if everybody == (users is not None):
        raise typer.BadParameter("Give either --users FILE or --all.")
    names = None if users is None else read_users(_lines(users))
    viewer = Viewer(surface, territory.upper() if territory else None, age)
    job = batch.Job(out, names, k, bundle, lake, None if at is None else _moment(at), viewer)
    with _bar() as progress:
        done = batch.recommend(job, Settings(), progress)
    typer.echo(f"{done} lists of up to {k} items are in {out}.")


def recheck(
    files: Annotated[list[Path], typer.Argument(help="Files that `recsys recommend` wrote.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write: a file, or a folder for several; in place if left out.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 4 where something would be removed.")
    ] = False,
    bundle: BundleDir = None,
    at: Annotated[str | None, typer.Option(help="The moment to check for, ISO 8601; now if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was removed and why as JSON.")] = False,
) -> None:
    """Take out of batch files what takedowns, the policy, rights or users' own choices forbid by now."""
    from dataclasses import asdict

    from serving import recheck as again
    from serving.settings import Settings

    moment = None if at is None else _moment(at)
    done = again.recheck(files, Settings(), again.Options(bundle, moment, out, check))
    if as_json:
        typer.echo(json.dumps([asdict(found) for found in done], ensure_ascii=False, indent=2))
    for found in done if not as_json else ():
        verb = "would be removed from" if check else "were removed from"
        why = ", ".join(f"{reason} {rows}" for reason, rows in found.why.items())
        typer.echo(
            f"{found.removed} rows {verb} {found.file}{f' ({why})' if why else ''}; {found.kept} stay"
            + ("" if found.out in (None, found.file) else f", in {found.out}")
            + "."
        )
    if check and any(found.removed for found in done):
        raise typer.Exit(4)


def _lines(file: Path) -> list[str]:
    from recsys.errors import DataError

    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as UTF-8 text: {error}.") from None


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--at is no time: {text!r}. Write ISO 8601, as 2026-01-31T12:00:00Z.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class _bar:  # noqa: N801 - used as a function
    """A progress bar on a terminal, nothing elsewhere."""

    def __enter__(self) -> "_bar":
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._task = self._progress.add_task("lists", total=None)
        self._progress.start()
        return self

    def __call__(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
