"""`recsys decisions` and `recsys replay`: what was shown, whether the record of it holds, and why it was so."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recsys.errors import DataError
from serving.commands.opening import opened_control
from serving.commands.printing import Json, iso, show

if TYPE_CHECKING:
    from serving.receipts.find import Found
    from serving.receipts.replay import Replayed

group = typer.Typer(help="Verify the decision log and look decisions up.")
Id = Annotated[str, typer.Argument(help="The decision_id of a response.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the root app."""
    group.command()(verify)
    group.command("show")(display)
    app.add_typer(group, name="decisions", no_args_is_help=True)
    app.command()(replay)


def verify(as_json: Json = False) -> None:
    """Check every hash, side record and anchor; exit code 3 where a record is altered, missing or out of place."""
    from dataclasses import asdict

    from serving.receipts.verify import verify as verified
    from serving.settings import Settings

    folder = Settings().decisions_folder()
    if not folder.is_dir():
        raise DataError(f"There is no decision log in {folder}; `recsys serve` writes it. Is RECSYS_VAR right?")
    with opened_control() as control:
        found = verified(folder, control)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
    if found.faults:
        raise DataError("The decision log does not hold.\n" + "\n".join(str(fault) for fault in found.faults))
    if not as_json:
        typer.echo(
            f"The decision log holds: {found.records} records in {found.segments} segments of {found.chains} chains, "
            f"{found.anchors} anchors met, {found.sides} side records as they were written."
        )


def display(decision_id: Id) -> None:
    """Print a decision as it was logged, and where."""
    found = _found(decision_id)
    place = {"file": found.segment.path.name, "side_record": "there" if found.side else "erased"}
    typer.echo(json.dumps({**found.record, **place}, ensure_ascii=False, indent=2))


def replay(decision_id: Id, as_json: Json = False) -> None:
    """Make a decision again from the versions in its record; exit code 3 where it comes out another one."""
    from dataclasses import asdict

    from serving.receipts.replay import bundle_of
    from serving.receipts.replay import replay as again
    from serving.settings import Settings

    found, settings = _found(decision_id), Settings()
    with opened_control() as control:
        result = again(found, control, settings.decisions_folder(), bundle_of(settings))
    if as_json:
        typer.echo(json.dumps(result.document(found.record), ensure_ascii=False, indent=2))
    else:
        _print(found.record, result, [asdict(place) for place in result.places])
    if result.identical is False:
        raise DataError(f"Decision {decision_id} comes out another one: {'; '.join(result.why)}.")


def _found(decision_id: str) -> "Found":
    from serving.receipts.find import find
    from serving.settings import Settings

    folder = Settings().decisions_folder()
    found = find(folder, decision_id) if folder.is_dir() else None
    if found is None:
        raise DataError(f"There is no decision {decision_id} in {folder}; another node's log may hold it.")
    return found


def _told(override: dict[str, Any]) -> str:
    act = " ".join(str(override[name]) for name in ("action", "slot", "factor") if name in override)
    return f"{override['id']} {act}".strip() + (f": {override['reason']}" if override.get("reason") else "")


def _print(record: dict[str, Any], result: "Replayed", places: list[dict[str, Any]]) -> None:
    surface, territory, age, personalised = record["viewer"][:4]
    typer.echo(f"{record['id']}  {iso(record['at'])}")
    typer.echo(f"surface {surface}, territory {territory}, age {age}, personalised {personalised}, k {record['k']}")
    if "filter" in record:
        typer.echo(f"filter {record['filter']}")
    if "page" in record:
        typer.echo(f"page behind the first {record['page'][0]} places")
    typer.echo(f"bundle {record['bundle']}, policy {record['policy']}, control store at change {record['control']}")
    for place in places:
        override = place["override"]
        place["override"] = None if override is None else _told(override)
        place["labels"] = " ".join(place["labels"] or ())
        del place["label_sources"]
        place["score"] = None if place["score"] is None else f"{place['score']:.3g}"
        grounds = place.pop("grounds") or {}
        place["rule"] = " ".join(filter(None, (place["rule"], grounds.get("rule"))))
    show("What was shown", places, as_json=False)
    verdict = {True: "identical", False: "not identical", None: "not made again"}[result.identical]
    notes = dict.fromkeys([*result.why, *result.beyond])
    typer.echo(f"Replay: {verdict}." + "".join(f"\n  {note}" for note in notes))
