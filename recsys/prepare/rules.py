"""Event rules with the defaults filled in from the log: what training and serving weight events by."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from recsys.errors import DataError
from recsys.prepare.spec import AUTO, EventRule

RULES = "rules.json"
LIKED_SHARE = 0.7  # a rating is liked from this share of the observed scale on
_RULES = TypeAdapter(dict[str, EventRule])


@dataclass(frozen=True, slots=True)
class Scale:
    """What a log holds of one kind of event; ``lowest`` and ``highest`` are None where no event has a value."""

    kind: str
    events: int
    lowest: float | None
    highest: float | None


def resolve(rules: Mapping[str, EventRule], scales: Iterable[Scale]) -> dict[str, EventRule]:
    """The rules of a spec for every kind of a log, with no ``auto`` left in them."""
    observed = {scale.kind: scale for scale in scales}
    resolved = {}
    for kind in sorted({*rules, *observed}):
        rule = rules.get(kind, EventRule())
        if rule.positive == AUTO:
            rule = rule.model_copy(update={"positive": _liked(kind, observed.get(kind))})
        resolved[kind] = rule
    return resolved


def _liked(kind: str, scale: Scale | None) -> str:
    if kind != "rating" or scale is None or scale.lowest is None or scale.highest is None:
        return "true"
    bottom = min(scale.lowest, 0.0)  # a scale of 1 to 5 stars is read as 0 to 5
    return f"value >= {round(bottom + LIKED_SHARE * (scale.highest - bottom), 9):.15g}"


def write_rules(folder: Path, rules: Mapping[str, EventRule]) -> None:
    """Write rules.json, which ``load_rules`` reads."""
    plain = {kind: rule.model_dump() for kind, rule in rules.items()}
    (folder / RULES).write_text(json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")


def load_rules(folder: Path) -> dict[str, EventRule]:
    """The resolved rules of a prepared folder, by kind; raises DataError where they cannot be read."""
    try:
        return _RULES.validate_json((folder / RULES).read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(f"{folder} holds no readable {RULES} ({error}); prepare it again.") from None
