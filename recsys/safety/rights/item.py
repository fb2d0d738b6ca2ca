"""The rights of an item: its plain fields, and what a rights document said of it."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from recsys.errors import DataError
from recsys.safety import terms
from recsys.safety.rights.form import decoded
from recsys.safety.rights.places import WORLD, Places, code
from recsys.safety.rights.record import ALLOWED, Rights, Term

FIELDS = ("territories", "available_from", "available_to", "embargo_until", "rights")


def from_item(record: Mapping[str, Any]) -> Rights:
    """The one rights record of an item; where it has a document too, both have to allow.

    ``territories`` None or left out is everywhere, an empty list nowhere; times are aware datetimes or s UTC;
    ``rights`` is what ``encoded`` gives. DataError names the field that is garbage, which the gate has to hold.
    """
    plain = _plain(record)
    document = record.get("rights")
    if document is None:
        return plain
    found = decoded(document)
    return found if plain == ALLOWED else found.narrowed(plain)


def _plain(record: Mapping[str, Any]) -> Rights:
    opens = _seconds(record, "available_from", -math.inf)
    closes = _seconds(record, "available_to", math.inf)
    lifts = _seconds(record, "embargo_until", -math.inf)
    if opens > closes:
        raise DataError("available_from lies after available_to; mend one of them.")
    grant = Term(_places(record.get("territories")), opens, closes)
    if lifts == -math.inf:
        return ALLOWED if grant == ALLOWED.grants[0] else Rights((grant,), source="item")
    return Rights((grant,), (Term(closes=lifts, use="embargo"),), source="item")


def _seconds(record: Mapping[str, Any], name: str, unknown: float) -> float:
    given = record.get(name)
    if given is None:
        return unknown
    if isinstance(given, datetime):
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise DataError(f"{name} is no time: {given!r:.40}; give an aware datetime or seconds UTC.")
    return unknown if math.isnan(given) else float(given)


def _places(given: Any) -> Places:
    if given is None:
        return WORLD
    if not isinstance(given, list | tuple):
        raise DataError(f"territories is no list: {given!r:.40}; give a list of ISO 3166-1 alpha-2 codes.")
    upper = [value.strip().upper() if isinstance(value, str) else "" for value in given]
    if terms.EVERYWHERE.intersection(upper):
        return WORLD
    codes = [code(value) for value in upper]
    if None in codes:
        raise DataError(f"territories holds {given[codes.index(None)]!r:.40}, which is no ISO 3166-1 alpha-2 code.")
    return Places(frozenset(found for found in codes if found), but=False)
