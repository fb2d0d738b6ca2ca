"""``recsys drift``: what moved between two versions of a lake."""

from pathlib import Path
from typing import Annotated

import typer

from training.options import GateOption, LakeOption, VarOption

WHICH = "champion, newest, an events version such as 12, or events=12,items=3"


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(drift)


def drift(
    lake: LakeOption,
    older: Annotated[str, typer.Option("--from", metavar="VERSION", help=f"Older version: {WHICH}.")] = "champion",
    newer: Annotated[str, typer.Option("--to", metavar="VERSION", help="Newer version, likewise.")] = "newest",
    spec: Annotated[
        str | None, typer.Option("--spec", help="Run spec that says what events count, and its gate's limits.")
    ] = None,
    gate: GateOption = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="Whose lists are compared.", show_default="the one served")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Also write one self-contained page.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the report as JSON.")] = None,
    var: VarOption = None,
) -> None:
    """Compare data and lists of two lake versions; exits with 4 where a measure blocks."""
    from rich.console import Console

    from recsys.errors import GateError
    from training import report
    from training.champion import read_served
    from training.drift.between import drift as run
    from training.drift.html import page
    from training.drift.report import table
    from training.drift.versions import limits_of, named
    from training.gate.spec import default_gate, load_gate
    from training.spec import load_spec
    from training.state import State

    state = State.at(var)
    wanted = None if spec is None else load_spec(spec)
    checks = default_gate() if wanted is None else wanted.gate
    limits = limits_of(checks if gate is None else load_gate(gate, checks))
    served = read_served(state) if bundle is None else None
    found = run(
        lake,
        named(older, lake, state),
        named(newer, lake, state),
        state,
        limits=limits,
        bundle=bundle or (None if served is None else Path(served.path)),
        spec=None if wanted is None else wanted.prepare,
    )
    values = found.values()
    if json_file is not None:
        report.write_json(values, json_file)
    if html is not None:
        report.write_text(page(values), html)
    Console().print(table(values))
    typer.echo(found.sentence)
    if found.verdict == "block":
        raise GateError(found.sentence)
