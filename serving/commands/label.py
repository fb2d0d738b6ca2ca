"""`recsys label`: what people, models and files say of works."""

import time
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from recsys.errors import ConfigError
from serving.commands.opening import Actor, moment, opened_control, policy_in_force
from serving.commands.printing import Json, iso, show

group = typer.Typer(help="Label works, take labels back, and see who said what.")

Item = Annotated[str, typer.Argument(help="The item's id.")]
Label = Annotated[str, typer.Argument(help="The label's name.")]
SourceName = Annotated[str, typer.Option("--source", help="rule, model, human, rights_holder, regulator or provider.")]
Territory = Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2 code; everywhere if left out.")]
Score = Annotated[float | None, typer.Option(help="0 to 1; certain if left out.")]
Expires = Annotated[str | None, typer.Option(help="ISO 8601, or +7d; never if left out.")]
Evidence = Annotated[str, typer.Option(help="What shows it.")]


def register(app: typer.Typer) -> None:
    """Add the group to the root app."""
    group.command("import")(import_)
    group.command()(add)
    group.command()(negate)
    group.command("list")(list_)
    app.add_typer(group, name="label", no_args_is_help=True)


def import_(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines or Parquet; columns are a label's fields.")],
    actor: Actor,
) -> None:
    """Add all labels of a file, or none; a file that was imported before adds nothing."""
    from recsys.safety.labels.reading import read_labels
    from serving.stores.removals import state_labels

    events = read_labels(file, time.time(), actor=actor)
    with opened_control() as control:
        new, _ = control.add_labels(events, actor, also=state_labels(policy_in_force(control)))
    typer.echo(f"{new} labels were added from {file}; {len(events) - new} were there already.")


def add(
    item: Item,
    label: Label,
    actor: Actor,
    source: SourceName = "human",
    territory: Territory = None,
    score: Score = None,
    expires: Expires = None,
    evidence: Evidence = "",
) -> None:
    """Say that a work has a label, from the next request on."""
    said = _said(item, label, actor, source=source, territory=territory, score=score, expires=expires)
    _store({**said, "evidence": evidence}, actor)
    typer.echo(f"{item} is labelled {label} by {source}.")


def negate(
    item: Item,
    label: Label,
    actor: Actor,
    source: SourceName = "human",
    territory: Territory = None,
    expires: Expires = None,
    evidence: Evidence = "",
) -> None:
    """Say that a work does not have a label; a human's word lifts no label of the law."""
    said = _said(item, label, actor, source=source, territory=territory, expires=expires)
    _store({**said, "evidence": evidence, "negates": True}, actor)
    typer.echo(f"{item} is not {label}, says {source}.")


def list_(item: Item, as_json: Json = False) -> None:
    """Everything that was said of a work, oldest first."""
    with opened_control() as control:
        events = control.label_events([item])
    rows = [
        {
            "id": event.id,
            "label": f"not {event.label}" if event.negates and not as_json else event.label,
            "source": event.source,
            "score": event.score,
            "territory": event.territory,
            "created": iso(event.created),
            "expires": iso(event.expires),
            "item_version": event.item_version,
            "evidence": event.evidence,
            "policy_version": event.policy_version,
            "actor": event.actor,
            **({"negates": event.negates} if as_json else {}),
        }
        for event in events
    ]
    show(f"Labels of {item}", rows, as_json=as_json)


def _said(item: str, label: str, actor: str, **given: Any) -> dict[str, Any]:
    from recsys.safety.labels import SOURCES

    if given["source"] not in SOURCES:
        raise ConfigError(f"--source {given['source']!r} is none of {', '.join(SOURCES)}.")
    expires = given["expires"]
    return {
        **given,
        "id": f"lb_{uuid.uuid4().hex}",
        "item_id": item,
        "label": label,
        "actor": actor,
        "created": time.time(),
        "expires": None if expires is None else moment(expires, "--expires"),
    }


def _store(said: dict[str, Any], actor: str) -> None:
    from recsys.safety.labels import PRESENT, LabelEvent
    from serving.stores.removals import state_labels

    with opened_control() as control:
        event = LabelEvent(item_version=PRESENT, **said)
        control.add_labels([event], actor, dated=False, also=state_labels(policy_in_force(control)))
