"""Chapters about the data and how the run is made again."""

from collections.abc import Mapping
from typing import Any

from training.report.html import Html, aside, details, join, table, tag
from training.report.words import UNKNOWN, count, moment, share

Values = Mapping[str, Any]


def data(values: Values) -> Html:
    """What the models were trained and measured on."""
    found = values["data"]
    rows = [
        ["lake", found["lake"]],
        ["versions of its tables", ", ".join(f"{name} {number}" for name, number in found["lake_versions"].items())],
        ["events", count(found["events"])],
        [
            "of these liked (positive)",
            f"{count(found['positives'])} ({share(_part(found['positives'], found['events']))})",
        ],
        ["users", count(found["users"])],
        ["works", f"{count(found['items'])}, {count(found['items_without_events'])} of them without an event"],
        [
            "events of a user, median",
            "–" if found["median_events_per_user"] is None else count(found["median_events_per_user"]),
        ],
        [
            "first and last event",
            f"{moment(found['first_event'])} to {moment(found['last_event'])}" if found["first_event"] else "no times",
        ],
        ["works may be recommended again", "yes" if found["returns"] else "no"],
        ["safety labels in the catalogue", "yes" if found["has_labels"] else "no"],
        *[[f"event kind {kind}", _rule(rule)] for kind, rule in found["rules"].items()],
    ]
    windows = [
        [one["name"], count(one["train_events"]), count(one["validation_queries"]), count(one["test_queries"])]
        for one in values["split"]
    ]
    fields = [[name.replace("_", " "), share(part)] for name, part in found["fields"].items()]
    return join(
        table(["what", "value"], rows, caption="The log", words=2),
        table(["window", "events to train on", "validation queries", "test queries"], windows, caption="The split"),
        details("Fields of the catalogue", table(["field", "works that have it"], fields, caption="The catalogue"))
        if fields
        else None,
    )


def gate(values: Values) -> Html:
    """What the release gate found."""
    found = (values.get("outcome") or {}).get("gate")
    if not found:
        return Html("")
    rows = [
        [one["check"], one["outcome"], _figure(one["value"]), _figure(one["limit"]), one["sentence"]]
        for one in found["checks"]
    ]
    told = "passed" if found["passed"] else "failed"
    return table(["check", "outcome", "value", "limit", "what was found"], rows, caption=f"The gate {told}", words=5)


def reproduction(values: Values) -> Html:
    """What it takes to make the run again."""
    found = values["data"]
    versions = ", ".join(f"{name} {number}" for name, number in values["versions"].items())
    lake_ids = ", ".join(f"{name} {one}" for name, one in found["lake_ids"].items())
    return join(
        tag("p", f"Run {values.get('run', 'unknown')}, {values['made_at']}, seed {values['seed']}."),
        tag("p", f"Code: {values['git'] or 'no git checkout'}. Software: {versions}."),
        tag("p", f"Tables: {lake_ids}.") if lake_ids else None,
        tag("pre", f"recsys train --lake {found['lake']} --spec spec.toml"),
        aside("The newest versions of the lake's tables are taken: they must be those named above. spec.toml:"),
        details("The run spec with all its defaults", tag("pre", values["toml"])),
    )


def _figure(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4g}"


def _part(some: int, total: int) -> float | None:
    return some / total if total else None


def _rule(rule: Mapping[str, Any]) -> str:
    told = f"weight {rule.get('weight', 1)}"
    positive = rule.get("positive")
    return f"{told}, liked where {positive}" if positive else told
