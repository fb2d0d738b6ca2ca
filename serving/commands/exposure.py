"""`recsys exposure`: what campaigns promised, and what they delivered."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from serving.commands.opening import opened_control
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
    """Promised against delivered for every campaign, and why less was shown than planned."""
    from recsys.errors import ConfigError
    from serving.campaigns.reporting import lines, plain, write_page

    if out is not None and out.suffix not in (".html", ".png", ".json"):
        raise ConfigError(f"--out is {out}; write a name that ends in .html, .png or .json.")
    now = time.time()
    with opened_control() as control:
        found = lines(control, now)
    if out is not None:
        if out.suffix == ".json":
            out.write_text(json.dumps([plain(line) for line in found], ensure_ascii=False, indent=2), encoding="utf-8")
        else:
            write_page(found, now, out)
        typer.echo(f"{len(found)} campaigns are in {out}.")
    elif as_json:
        typer.echo(json.dumps([plain(line) for line in found], ensure_ascii=False, indent=2))
    else:
        rows = [
            {
                "campaign": line.campaign,
                "state": line.state,
                "delivered": line.delivered,
                "planned": line.planned,
                "promised": line.promised,
                "status": line.status,
                "why": "; ".join(f"{one.reason} {one.impressions}" for one in line.why) or None,
            }
            for line in found
        ]
        show("Promised and delivered", rows, as_json=False)
