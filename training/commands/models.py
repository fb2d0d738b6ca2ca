"""``recsys models promote rollback history follow``: what is registered, what is served, and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from training.options import VarOption

if TYPE_CHECKING:
    from training.champion import Served

ActorOption = Annotated[
    str | None, typer.Option("--actor", help="Who does it.", show_default="RECSYS_ACTOR, or the user of this machine")
]


def register(app: typer.Typer) -> None:
    """Mount the commands."""
    for command in (models, promote, rollback, history, follow):
        app.command()(command)


def models(var: VarOption = None) -> None:
    """List the registered versions, newest first, with their aliases and what they made on test."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from training.state import State
    from training.tracking import Tracker

    made = Table(
        "version", "alias", "recipe", "test", "lake versions", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    made.add_column("bundle", no_wrap=True)
    for version in Tracker(State.at(var)).versions():
        data = ", ".join(f"{table} {number}" for table, number in version.candidate.lake_versions.items())
        recipe = str(version.candidate.recipe["recipe"])
        made.add_row(version.number, ", ".join(version.aliases), recipe, version.score, data, version.bundle)
    Console().print(made)


def promote(
    version: Annotated[str, typer.Argument(help="A version's number, or its bundle's version.")],
    force: Annotated[bool, typer.Option("--force", help="Even though its gate failed; asks for --reason.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it is recorded.")] = None,
    actor: ActorOption = None,
    var: VarOption = None,
) -> None:
    """Make a version that passed its gate champion, and serve it."""
    from training import release
    from training.history import reason_of
    from training.state import State
    from training.tracking import Tracker

    told = reason_of(reason) if force or reason is not None else ""
    state = State.at(var)
    tracker = Tracker(state)
    found = tracker.version(version)
    release.allow(found, force=force)
    why = release.Why.by_hand(told, actor, how="force" if force else "hand")
    _tell(release.promote(state, tracker, found, why=why))


def rollback(
    reason: Annotated[str | None, typer.Option("--reason", help="Why; it is recorded.")] = None,
    actor: ActorOption = None,
    var: VarOption = None,
) -> None:
    """Make the champion before this one champion again, and serve it."""
    from training import release
    from training.history import reason_of
    from training.state import State
    from training.tracking import Tracker

    told = reason_of(reason) if reason is not None else "rolled back by hand"
    state = State.at(var)
    _tell(release.rollback(state, Tracker(state), release.Why.by_hand(told, actor, how="rollback")))


def history(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, oldest first.")] = False,
    var: VarOption = None,
) -> None:
    """Show who made which version champion, when and why."""
    import json

    from rich.console import Console

    from training.history import history as read
    from training.history import table
    from training.state import State
    from training.tracking import CHAMPION, Tracker

    tracker = Tracker(State.at(var))
    champion = tracker.aliased(CHAMPION)
    moves = read(tracker, None if champion is None else champion.number)
    if as_json:
        typer.echo(json.dumps([move.values() for move in moves], indent=2, ensure_ascii=False))
        return
    Console().print(table(moves))


def follow(
    registry: Annotated[str, typer.Option("--registry", help="MLflow tracking URI of the registry to follow.")],
    once: Annotated[bool, typer.Option("--once", help="Look once and exit.")] = False,
    every: Annotated[float, typer.Option("--every", min=1, help="Seconds between looks.")] = 30.0,
    var: VarOption = None,
) -> None:
    """Mirror the champion of a registry into var, verified, so that the service here serves it."""
    import time

    from recsys.errors import RecsysError
    from training import release
    from training.state import State
    from training.tracking import Tracker

    state = State.at(var)
    while True:
        try:
            served = release.mirror(state, Tracker(state, registry))
            if served is not None:
                _tell(served)
            elif once:
                typer.echo("The champion is served already.")
        except RecsysError as error:
            if once:
                raise
            typer.echo(f"recsys: {error}", err=True)  # what is served stays; the next look may do better
        if once:
            return
        time.sleep(every)


def _tell(served: "Served") -> None:
    typer.echo(f"{served.version} is champion, served from {served.path}.")
