"""`recsys exposure`: what campaigns promised, and what they delivered."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from serving.commands.opening import opened_control, policy_in_force
from serving.commands.printing import Json, show

group = typer.Typer(help="Impressions of campaigns.")


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    group.command()(report)
    app.add_typer(group, name="exposure", no_args_is_help=True)


@group.callback()
def _group() -> None:
    """Impressions of campaigns."""


def report(
    out: Annotated[Path | None, typer.Option(help="File to write: .html, .png (the plot alone) or .json.")] = None,
    as_json: Json = False,
) -> None:
    """What campaigns promised and delivered, where new works stand, what came of quotas, and why there is less."""
    from recsys.errors import ConfigError
    from serving.building import expected
    from serving.campaigns.page import tables, write_page
    from serving.campaigns.reporting import exposed, plain

    if out is not None and out.suffix not in (".html", ".png", ".json"):
        raise ConfigError(f"--out is {out}; write a name that ends in .html, .png or .json.")
    now = time.time()
    with opened_control() as control:
        found = exposed(control, now, expected(policy_in_force(control), control))
    values = json.dumps(plain(found), ensure_ascii=False, indent=2)
    if out is None:
        if as_json:
            typer.echo(values)
            return
        for title, rows in tables(found).items():
            show(title, rows, as_json=False)
        return
    if out.suffix == ".json":
        out.write_text(values, encoding="utf-8")
    else:
        write_page(found, now, out)
    typer.echo(f"{len(found.campaigns)} campaigns are in {out}.")
