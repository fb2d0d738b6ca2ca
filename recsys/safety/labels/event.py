"""One statement about one work."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from recsys.errors import DataError
from recsys.safety import terms

Source = Literal["rule", "model", "human", "rights_holder", "regulator", "provider"]
SOURCES: tuple[Source, ...] = get_args(Source)
LEGAL: frozenset[str] = frozenset({"rights_holder", "regulator"})
PRESENT = -1  # as ``item_version`` of an event that is not stored yet: the newest one
MAX_ID, MAX_TEXT = 256, 2_000  # characters
_LIMITS = {"id": MAX_ID, "item_id": MAX_ID, "evidence": MAX_TEXT, "policy_version": MAX_ID, "actor": 2 * MAX_ID}


@dataclass(frozen=True, slots=True)
class LabelEvent:
    """What a source said of a work; never changed, never deleted.

    ``negates`` says that the label does not hold. ``item_version`` is the change number of the item's upsert that was
    looked at, 0 for the work as the bundle has it.
    """

    id: str
    item_id: str
    item_version: int
    source: Source
    label: str  # as ``terms.label`` compares it
    score: float | None = None  # 0–1; None = certain
    territory: str | None = None  # ISO 3166-1 alpha-2; None = everywhere
    created: float = 0.0  # s UTC
    expires: float | None = None  # s UTC; None = never
    negates: bool = False
    evidence: str = ""  # what shows it: a matched term, a list id, a document
    policy_version: str = ""  # the rules that whoever labelled went by
    actor: str = ""  # the person, model or rule

    def checked(self) -> "LabelEvent":
        """The event with its names in compared form. DataError names the field that cannot be."""
        name, place = terms.label(self.label), terms.territory(self.territory)
        for field, limit in _LIMITS.items():
            if len(getattr(self, field)) > limit:
                raise DataError(f"{field} has more than {limit} characters; shorten it.")
        if not self.id or not self.item_id:
            raise DataError(f"{'item_id' if self.id else 'id'} is empty; give one.")
        if self.source not in SOURCES:
            raise DataError(f"source {self.source!r} is none of {', '.join(SOURCES)}; write one of them.")
        if name is None:
            raise DataError(f"label {self.label!r} is no label; write one name, without | ; or commas.")
        if self.score is not None and not 0 <= self.score <= 1:  # NaN too
            raise DataError(f"score {self.score} is not between 0 and 1; leave it out where the label is certain.")
        if self.territory is not None and place is None:
            raise DataError(f"territory {self.territory!r} is no ISO 3166-1 alpha-2 code; leave it out for everywhere.")
        if self.item_version < PRESENT:
            raise DataError(f"item_version {self.item_version} is negative; give the change number of an upsert, or 0.")
        if not math.isfinite(self.created) or not (self.expires is None or math.isfinite(self.expires)):
            raise DataError("created and expires are moments; give times between the years 1 and 9999.")
        if self.expires is not None and self.expires <= self.created:
            raise DataError("expires is not after created, so the label would never hold; give a later time.")
        return _with(self, name, place)


def _with(event: LabelEvent, label: str, territory: str | None) -> LabelEvent:
    if (event.label, event.territory) == (label, territory):
        return event
    values = {field: getattr(event, field) for field in LabelEvent.__slots__}
    return LabelEvent(**{**values, "label": label, "territory": territory})


def recorded(item_id: str, version: int, labels: Iterable[object]) -> list[LabelEvent]:
    """The labels of an item's own record, as statements of its provider that are older than all others.

    What is no label stays as it is, or empty where it is no text: it is garbage, which the gate holds.
    """
    names = [terms.label(label) or (label if isinstance(label, str) else "") for label in labels]
    return [LabelEvent(f"record:{item_id}:{name}", item_id, version, "provider", name) for name in names]
