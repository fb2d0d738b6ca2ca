"""The statements about a work, folded into the labels that hold now. The order in which they arrived is no matter.

A statement counts until it expires. Every model, rule and provider (its ``actor``) speaks for itself, so that none
lifts what another one found; people, regulators and rights holders each speak with one voice. Of what a voice says of a
label, the newest counts: first by the version of the work that was looked at, then by time; of statements made at
once, the label outranks its negation. Then:

* A human negation lifts what a model, a rule or the provider says of a version that the human has seen, whenever it
  was said. A legal statement (regulator, rights holder) is lifted only by the same kind of source.
* A negation in one territory lifts a label of that territory; a label that holds everywhere stays.
* A label given to an older version still holds: a change of the record is no evidence that the content has changed,
  and an upsert must not be a way to shed a label. A model's label is of what it read, so its score says nothing of
  another text; until a model or a human has judged the new version, the work carries ``error``, which is held.
* An ``error`` holds until the source that failed, or a human, has said something newer.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

from recsys.safety.labels.effective import ERROR, Effective
from recsys.safety.labels.event import LEGAL, LabelEvent

_NONE: Mapping[str, int] = {}
_MACHINES = frozenset({"model", "rule", "provider"})
_PEOPLE = ("human", "")
_UNKNOWN = Effective(ERROR, None, None, "model", None)
_Voice = tuple[str, str]  # source, and the actor where each speaks for itself
_Slot = tuple[_Voice, str, str | None]  # voice, label, territory
_Age = tuple[int, float, bool, str]  # version, created, is a label, id: what is larger is newer


def fold(events: Iterable[LabelEvent], now: float, *, version: int = 0) -> tuple[Effective, ...]:
    """The labels of one work at ``now`` (s UTC), sorted; one that several voices give is there once for each score.

    ``version`` is the work's present one; an event that names a later version is about the present one.
    """
    alive = [event for event in events if event.expires is None or now < event.expires]
    judged = [event for event in alive if event.source != "model" or event.item_version >= version]
    newest = _newest(judged, version)
    held = [event for event in newest.values() if not event.negates]
    if len(held) < len(newest) or any(event.label == ERROR for event in held):
        held = [event for event in held if not _lifted(event, newest, version)]
    found = [Effective(e.label, e.score, e.territory, e.source, e.expires) for e in held]
    if len(judged) < len(alive) and _unjudged(alive, version):
        found.append(_UNKNOWN)
    return tuple(found) if len(found) < 2 else tuple(sorted(set(found), key=_order))


def fold_all(
    events: Iterable[LabelEvent], now: float, *, versions: Mapping[str, int] = _NONE
) -> dict[str, tuple[Effective, ...]]:
    """The labels of many works by item id, of every work that has events; a version that is not given is 0."""
    by_item: dict[str, list[LabelEvent]] = {}
    for event in events:
        by_item.setdefault(event.item_id, []).append(event)
    return {item: fold(given, now, version=versions.get(item, 0)) for item, given in by_item.items()}


def _newest(events: Sequence[LabelEvent], version: int) -> dict[_Slot, LabelEvent]:
    newest: dict[_Slot, LabelEvent] = {}
    for event in events:
        slot = (_voice(event), event.label, event.territory)
        known = newest.get(slot)
        if known is None or _age(event, version) > _age(known, version):
            newest[slot] = event
    return newest


def _voice(event: LabelEvent) -> _Voice:
    return event.source, event.actor if event.source in _MACHINES else ""


def _age(event: LabelEvent, version: int) -> _Age:
    return min(event.item_version, version), event.created, not event.negates, event.id


def _lifted(event: LabelEvent, newest: Mapping[_Slot, LabelEvent], version: int) -> bool:
    label = event.label
    for where in {event.territory, None}:
        own = newest.get((_voice(event), label, where))
        if own is not None and own.negates and _age(own, version) > _age(event, version):
            return True
        human = newest.get((_PEOPLE, label, where)) if event.source in _MACHINES else None
        if human is not None and human.negates and _age(human, version)[0] >= _age(event, version)[0]:
            return True
    return label == ERROR and any(_settles(other, event, version) for other in newest.values())


def _settles(other: LabelEvent, error: LabelEvent, version: int) -> bool:
    """Whether ``other`` is a newer word of the scanner that failed, or of a human, where the law was not the source."""
    speaks = _voice(other) == _voice(error) or (other.source == "human" and error.source not in LEGAL)
    return speaks and other.label != ERROR and _age(other, version) > _age(error, version)


def _unjudged(events: Sequence[LabelEvent], version: int) -> bool:
    """Whether a model that knew an older version has not judged this one, nor has a human."""
    present = [event for event in events if event.item_version >= version]
    if any(event.source == "human" for event in present):
        return False
    knew = {event.actor for event in events if event.source == "model"}
    return not knew <= {event.actor for event in present if event.source == "model"}


def _order(found: Effective) -> tuple[str, str, str, float, float]:
    sure, ever = found.score is None, found.expires is None
    score, end = math.inf if sure else found.score or 0.0, math.inf if ever else found.expires or 0.0
    return found.label, found.territory or "", found.source, score, end
