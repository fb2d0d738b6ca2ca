"""``recsys train`` and ``recsys evaluate``."""

from pathlib import Path
from typing import Annotated

import typer

from training.options import DeviceOption, GateOption, LakeOption, SetOption, VarOption

SpecOption = Annotated[str, typer.Option("--spec", help="A shipped spec (default, demo, fast) or a TOML file.")]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    app.command()(train)
    app.command()(evaluate)


def train(
    lake: LakeOption,
    spec: SpecOption = "default",
    out: Annotated[Path | None, typer.Option("--out", help="Also write the winner's bundle to this folder.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over --out.")] = False,
    require_champion: Annotated[
        bool, typer.Option("--require-champion", help="Exit with 4 where the new model does not become champion.")
    ] = False,
    gate: GateOption = None,
    settings: SetOption = None,
    device: DeviceOption = "cpu",
    var: VarOption = None,
) -> None:
    """Compare the recipes of a spec, refit the best on everything, register it and maybe promote it."""
    from rich.console import Console

    from recsys.errors import GateError
    from training import report
    from training.gate.report import table
    from training.gate.spec import with_gate
    from training.show import Show
    from training.spec import load_spec
    from training.state import State
    from training.train import Job
    from training.train import train as run

    wanted = with_gate(load_spec(spec, settings or []), gate)
    show = Show(len(wanted.models))
    with show.running():
        outcome = run(Job(lake, wanted, State.at(var), out, force, device), show)
    split = "; ".join(outcome.windows)
    Console().print(report.tables(outcome.contest, wanted, title=f"{wanted.name}: {split}"))
    for line in report.conclusion(outcome.contest, wanted):
        typer.echo(line)
    Console().print(table(outcome.gate.values()))
    alias = "champion" if outcome.decision.promoted else "challenger"
    typer.echo(f"Version {outcome.version.number} ({outcome.version.bundle}) is {alias}. {outcome.decision.reason}")
    if out is not None:
        typer.echo(f"Its bundle is in {out}.")
    if require_champion and not outcome.decision.promoted:
        raise GateError(f"Version {outcome.version.number} did not become champion. {outcome.decision.reason}")


def evaluate(
    lake: LakeOption,
    spec: Annotated[
        str | None,
        typer.Option("--spec", help="A shipped spec or a TOML file.", show_default="default, or the bundle's"),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Evaluate this bundle's recipe, fitted anew on the train slice.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the result to this file.")] = None,
    settings: SetOption = None,
    device: DeviceOption = "cpu",
    var: VarOption = None,
) -> None:
    """Measure the recipes of a spec, or of a bundle, on a lake's validation and test slices."""

    from rich.console import Console

    from training import report
    from training.evaluate import evaluate as run
    from training.evaluate import spec_of_bundle
    from training.show import Show
    from training.spec import load_spec
    from training.state import State

    chosen = settings or []
    wanted = load_spec(spec or "default", chosen) if bundle is None else spec_of_bundle(bundle, spec, chosen)
    show = Show(len(wanted.models))
    with show.running():
        evaluated = run(lake, wanted, State.at(var), show, device=device)
    if json_file is not None:
        report.write_json(evaluated.values, json_file)
    Console().print(
        report.tables(evaluated.contest, wanted, title=f"{wanted.name}: {'; '.join(evaluated.values['split'])}")
    )
    for line in report.conclusion(evaluated.contest, wanted):
        typer.echo(line)
