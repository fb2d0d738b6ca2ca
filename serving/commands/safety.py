"""`recsys safety`: whether what is promised about safety is proven."""

import typer

from serving.commands.printing import Json, show

group = typer.Typer(help="Proofs of what is promised about safety, rights and editors.")


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""

    @group.callback()
    def _group() -> None: ...

    group.command()(evidence)
    app.add_typer(group, name="safety", no_args_is_help=True)


def evidence(as_json: Json = False) -> None:
    """Run the proof of each statement, as it is and with its rule removed; exit code 4 unless all pass."""
    from recsys.errors import GateError
    from serving.evidence import gather

    rows = gather()
    show("Evidence", rows, as_json=as_json)
    failed = sorted({row["id"] for row in rows if row["result"] == "fail"})
    if failed:
        raise GateError(f"{len(failed)} statements are not proven: {', '.join(failed)}.")
