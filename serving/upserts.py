"""An upsert may tighten what safety and rights decide by; loosening it takes the role safety.

Without this, whoever may describe a work could lift its age limit or drop its label, and the gate would believe it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.ids import IdMap
from recsys.safety import Gate, Policy, terms
from recsys.safety.ratings import Rating, systems
from recsys.safety.unseen import PLAIN

LOOSENS = "loosens"  # marks a record of the role safety, which stands as it is
EVERYWHERE = frozenset({"*", "WW"})
Record = dict[str, Any]


def tightened(
    gate: Gate, ids: IdMap, known: Callable[[int], Mapping[str, Any]], records: Sequence[Record]
) -> list[Record]:
    """``records`` with, for works that ``gate`` knows, the stricter of old and new in every safety field.

    Labels that the policy's rules drew from other fields are kept as well: a changed genre removes no label.
    """
    merged = [_merged(record, ids, known) for record in records]
    places = [place for place, record in enumerate(records) if _binds(record, ids)]
    if not places:
        return merged
    indices = [int(ids.dense([merged[place]["item_id"]])[0]) for place in places]
    for place, index in zip(places, indices, strict=True):
        merged[place].update(_rated(gate.policy, known(index), merged[place]))
    # By the records alone: what others said of a work in label events stands beside its record, not in it.
    before = gate.replaced_many(indices, Catalogue.from_records([known(index) for index in indices]))
    after = gate.replaced_many(indices, Catalogue.from_records([merged[place] for place in places]))
    for place, index in zip(places, indices, strict=True):
        lost = [label for label in before.labels(index) if label not in after.labels(index)]
        if lost:
            merged[place]["labels"] = [*(merged[place].get("labels") or ()), *lost]
        if before.min_age(index) > after.min_age(index):
            merged[place]["min_age"] = before.min_age(index)
    return merged


def _rated(policy: Policy, old: Mapping[str, Any], new: Mapping[str, Any]) -> Record:
    """What of the old record stays, so that ratings ask for no lower an age and are needed as before.

    A board's rating outranks those of others in its own territory, so to add one may loosen.
    """
    kept: Record = {}
    if _media(old) in policy.rated_media and _media(new) not in policy.rated_media:
        kept["media_type"] = old["media_type"]
    before, after = (_understood(record) for record in (old, new))
    for place in (None, PLAIN, *sorted(systems().territories(after))):
        was, now = (systems().min_age(given, place, policy.foreign_ratings) for given in (before, after))
        if was is not None and (now is None or now < was):
            kept["ratings"] = [*_parted(old["ratings"])]
    return kept


def _media(record: Mapping[str, Any]) -> str:
    return terms.plain(record.get("media_type") or "")


def _understood(record: Mapping[str, Any]) -> list[Rating]:
    read = (systems().read(value) for value in _parted(record.get("ratings")))
    return [one for one in read if one is not None]


def _binds(record: Record, ids: IdMap) -> bool:
    return not record.get(LOOSENS) and record["item_id"] in ids


def _merged(record: Record, ids: IdMap, known: Callable[[int], Mapping[str, Any]]) -> Record:
    if not _binds(record, ids):
        return dict(record)
    return stricter(known(int(ids.dense([record["item_id"]])[0])), record)


def stricter(old: Mapping[str, Any], record: Mapping[str, Any]) -> Record:
    """``record``, with the stricter of ``old`` and new in the fields that safety and rights read; as is from safety."""
    if record.get(LOOSENS):
        return dict(record)
    strict: Record = {
        "labels": [*dict.fromkeys([*(old.get("labels") or ()), *(record.get("labels") or ())])] or None,
        "ratings": [*dict.fromkeys([*_parted(old.get("ratings")), *_parted(record.get("ratings"))])] or None,
        "min_age": _most(max, old.get("min_age"), record.get("min_age")),
        "territories": _shared(old.get("territories"), record.get("territories")),
        "available_from": _most(max, old.get("available_from"), record.get("available_from")),
        "available_to": _most(min, old.get("available_to"), record.get("available_to")),
        "embargo_until": _most(max, old.get("embargo_until"), record.get("embargo_until")),
    }
    # What is stricter than a record that stands is to stand as well, or a worker that starts anew and compares it with
    # the catalogue alone would have another one than a worker that followed along.
    strict[LOOSENS] = old.get(LOOSENS)
    return {**record, **{name: value for name, value in strict.items() if value is not None}}


def _most(choose: Callable[..., Any], old: float | datetime | None, new: float | datetime | None) -> Any:
    given = [value for value in (old, new) if value is not None]
    return choose(given) if given else None


def _parted(given: Sequence[str] | str | None) -> Sequence[str]:
    """A list; one that a source gave as text is parted by ``|``."""
    return given.split("|") if isinstance(given, str) else given or ()


def _shared(old: Sequence[str] | None, new: Sequence[str] | None) -> list[str] | None:
    """Where a work may be shown by both; None is everywhere."""
    if new is None or EVERYWHERE & set(new):
        return None if old is None else list(old)
    if old is None or EVERYWHERE & set(old):
        return list(new)
    return [territory for territory in new if territory in set(old)]
