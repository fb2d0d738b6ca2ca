"""``recsys retrain``: the scheduled job."""

from typing import Annotated

import typer

from training.options import DeviceOption, GateOption, LakeOption, SetOption, VarOption


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(retrain)


def retrain(
    lake: LakeOption,
    spec: Annotated[str, typer.Option("--spec", help="A shipped spec or a TOML file.")] = "default",
    min_events: Annotated[int, typer.Option("--min-events", min=1, help="Do nothing below so many new events.")] = 1,
    keep: Annotated[
        int, typer.Option("--keep", min=1, help="Newest bundles to keep, beside champion and the one before.")
    ] = 3,
    despite_drift: Annotated[
        bool, typer.Option("--despite-drift", help="Train though the data drifted; the gate still holds it back.")
    ] = False,
    require_champion: Annotated[
        bool, typer.Option("--require-champion", help="Exit with 4 where a new model does not become champion.")
    ] = False,
    gate: GateOption = None,
    settings: SetOption = None,
    device: DeviceOption = "cpu",
    var: VarOption = None,
) -> None:
    """Train again where something is new, promote through the gate and make room; for cron, and safe to kill."""
    from rich.console import Console

    from recsys.errors import GateError
    from training.gate.report import table
    from training.gate.spec import with_gate
    from training.retrain import Options
    from training.retrain import retrain as run
    from training.show import Show
    from training.spec import load_spec
    from training.state import State
    from training.train import Job

    wanted = with_gate(load_spec(spec, settings or []), gate)
    show = Show(len(wanted.models))
    with show.running():
        result = run(Job(lake, wanted, State.at(var), device=device), Options(min_events, keep, despite_drift), show)
    if result.drift is not None and result.drift.verdict != "ok":
        typer.echo(result.drift.sentence)
    outcome = result.outcome
    if outcome is None:
        typer.echo(result.sentence)
    else:
        Console().print(table(outcome.gate.values()))
        alias = "champion" if outcome.decision.promoted else "challenger"
        typer.echo(f"Version {outcome.version.number} ({outcome.version.bundle}) is {alias}. {outcome.decision.reason}")
    if result.pruned:
        typer.echo(f"Pruned the bundles of versions {', '.join(result.pruned)}.")
    if require_champion and outcome is not None and not outcome.decision.promoted:
        raise GateError(f"Version {outcome.version.number} did not become champion. {outcome.decision.reason}")
