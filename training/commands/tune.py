"""``recsys tune``."""

from pathlib import Path
from typing import Annotated

import typer

from training.options import DeviceOption, LakeOption, SetOption, VarOption


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(tune)


def tune(
    lake: LakeOption,
    spec: Annotated[str, typer.Option("--spec", help="A shipped spec or a TOML file.")] = "default",
    section: Annotated[
        list[str] | None,
        typer.Option("--section", metavar="NAME", help="Tune this section only. Repeatable.", show_default="all"),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", help="Trials of each section, over all runs and workers.", show_default="20"),
    ] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", help="Or: time for all sections together.")] = None,
    storage: Annotated[
        str | None,
        typer.Option("--storage", help="URL of the studies.", show_default="SQLite under var"),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option("--study", metavar="NAME", help="Name of the study.", show_default="of spec, section and data"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the spec with the best settings here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over --out.")] = False,
    settings: SetOption = None,
    device: DeviceOption = "cpu",
    threads: Annotated[int, typer.Option("--threads", min=0, help="Threads of a fit; 0 is one a core.")] = 0,
    var: VarOption = None,
) -> None:
    """Search for the settings of a spec's recipes that do best on validation; run it again and it goes on."""
    from rich.console import Console

    from training.spec import load_spec, read_values
    from training.state import State
    from training.tune.run import Job
    from training.tune.run import tune as run
    from training.tune.show import Show, lines, table

    wanted = load_spec(spec, settings or [])
    job = Job(
        lake,
        wanted,
        read_values(spec, settings or []),
        State.at(var),
        sections=section or (),
        trials=trials,
        minutes=minutes,
        storage=storage,
        study=study,
        out=out,
        force=force,
        device=device,
        threads=threads,
    )
    show = Show()
    with show.running():
        found = run(job, show)
    for one in found:
        Console().print(table(one))
        for line in lines(one):
            typer.echo(line)
    if out is not None:
        typer.echo(f"The spec with the best settings is {out}; next: recsys train --lake {lake} --spec {out}")
