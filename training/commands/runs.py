"""``recsys compare`` and ``recsys report``: what recorded runs made."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from training.options import VarOption

RUN = "A run's id (or its beginning) or name, a version, champion or challenger; any of these with /SECTION."


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(compare)
    app.command()(report)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN [RUN]…", help=RUN)],
    metric: Annotated[
        str | None, typer.Option("--metric", help="What segments are shown by.", show_default="the first run's")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write every figure to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Also write a page to this file.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the resamples.")] = 0,
    var: VarOption = None,
) -> None:
    """Compare recorded runs with the first of them on the same test queries, in pairs, by metric and by segment."""
    from rich.console import Console

    from training.compare import compare_runs, keep
    from training.report import compared, write_json, write_text
    from training.state import State
    from training.tracking import Tracker

    tracker = Tracker(State.at(var))
    values = compare_runs(tracker, runs, metric=metric, seed=seed)
    page = compared.page(values)
    if json_file is not None:
        write_json(values, json_file)
    if html is not None:
        write_text(page, html)
    Console().print(compared.terminal(values))
    keep(tracker, values, page)


def report(
    run: Annotated[str, typer.Argument(help=RUN)],
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("report.html"),
    browse: Annotated[Literal["yes", "no"], typer.Option("--open", help="Whether to show it in a browser.")] = "no",
    var: VarOption = None,
) -> None:
    """Write the report of a training run as one self-contained HTML file, from what the run recorded."""
    import webbrowser

    from training.record import rebuild
    from training.report import write_text
    from training.runs import Archive
    from training.state import State
    from training.tracking import Tracker

    tracker = Tracker(State.at(var))
    training = Archive(tracker).find(run).training
    write_text(rebuild(tracker, training), out)
    typer.echo(f"The report of {training.name} ({training.id}) is in {out}.")
    if browse == "yes":
        webbrowser.open(out.absolute().as_uri())
