"""Rights as JSON, for the control store, the lake and the API.

{"source": "onix", "document": "…", "grants": [{"in": ["DE"], "from": "2027-01-01", "to": "2028-01-01", "use": "sell"}],
 "bars": [{"not_in": ["DE"], "to": "2027-02-01T00:00:00Z", "use": "embargo"}]}

A time with Z is absolute; one without, and a date, are read on each territory's own clock.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from recsys.errors import DataError
from recsys.safety.rights.local import When
from recsys.safety.rights.places import WORLD, Places, code
from recsys.safety.rights.record import Rights, Term

MAX_TERMS = 5000  # grants and bars of one record
MAX_CHARACTERS = 1_000_000
FIRST, LAST = -62_135_596_800.0, 253_402_300_799.0  # s UTC: the years 1 to 9999
_TERM = {"in", "not_in", "from", "to", "use"}
_RECORD = {"grants", "bars", "source", "document"}


def encoded(rights: Rights) -> str:
    """Rights as JSON text, the same text for the same rights."""
    record = {
        "source": rights.source,
        "document": rights.document,
        "grants": [_term(term) for term in rights.grants],
        "bars": [_term(term) for term in rights.bars],
    }
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def decoded(given: Any) -> Rights:
    """What ``encoded`` wrote, as text or as the parsed object. DataError names the key that is wrong."""
    record = _parsed(given) if isinstance(given, str) else given
    _keys(record, _RECORD, "rights")
    lists = {name: record.get(name, []) for name in ("grants", "bars")}
    for name, terms in lists.items():
        if not isinstance(terms, list | tuple):
            raise DataError(f"rights.{name} is no list; give a list of terms.")
    if sum(map(len, lists.values())) > MAX_TERMS:
        raise DataError(f"rights have more than {MAX_TERMS} terms; join those that say the same.")
    return Rights(
        tuple(_read(term, f"rights.grants[{at}]") for at, term in enumerate(lists["grants"])),
        tuple(_read(term, f"rights.bars[{at}]") for at, term in enumerate(lists["bars"])),
        _text(record, "source", "rights"),
        _text(record, "document", "rights"),
    )


def moment(text: str) -> When:
    """A time as documents write it: a date or a naive time is local, one with an offset is s UTC. Or ValueError."""
    if len(text) <= 10:
        return date.fromisoformat(text)
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        return found
    seconds = (found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    if not FIRST <= seconds <= LAST:
        raise ValueError("the years of the calendar end there")
    return seconds


def written(when: When) -> str:
    """A time as ``moment`` reads it; what lies outside the calendar is its first or last second."""
    if isinstance(when, date):
        return when.isoformat()
    return datetime.fromtimestamp(min(max(when, FIRST), LAST), UTC).isoformat().replace("+00:00", "Z")


def _term(term: Term) -> dict[str, Any]:
    where = {"not_in" if term.where.but else "in": sorted(term.where.codes)} if term.where != WORLD else {}
    opens = {} if term.opens == -math.inf else {"from": written(term.opens)}
    closes = {} if term.closes == math.inf else {"to": written(term.closes)}
    return {**where, **opens, **closes, **({"use": term.use} if term.use else {})}


def _parsed(text: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise DataError(f"rights have more than {MAX_CHARACTERS} characters; join terms that say the same.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"rights is no JSON ({error}); give what recsys rights import writes.") from None


def _read(term: Any, where: str) -> Term:
    _keys(term, _TERM, where)
    if "in" in term and "not_in" in term:
        raise DataError(f"{where} has both in and not_in; give one.")
    return Term(
        _codes(term["in"], f"{where}.in", but=False)
        if "in" in term
        else _codes(term.get("not_in", ()), where, but=True),
        _when(term.get("from"), f"{where}.from", -math.inf),
        _when(term.get("to"), f"{where}.to", math.inf),
        _text(term, "use", where),
    )


def _codes(given: Any, where: str, *, but: bool) -> Places:
    if not isinstance(given, list | tuple) or None in (found := [code(value) for value in given]):
        raise DataError(f"{where} is no list of ISO 3166-1 alpha-2 codes: {given!r:.60}.")
    return Places(frozenset(filter(None, found)), but=but)


def _when(given: Any, where: str, unknown: float) -> When:
    if given is None:
        return unknown
    try:
        return moment(given)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{where} is no time: {given!r:.40}; write 2027-01-31 or 2027-01-31T18:00:00Z.") from None


def _keys(given: Any, known: set[str], where: str) -> None:
    if not isinstance(given, Mapping):
        raise DataError(f"{where} is no object: {given!r:.40}.")
    if unknown := sorted(str(key) for key in given if key not in known):
        raise DataError(
            f"{where} has a key that is not known: {unknown[0]!r:.40}; known are {', '.join(sorted(known))}."
        )


def _text(record: Mapping[str, Any], name: str, where: str) -> str:
    given = record.get(name, "")
    if not isinstance(given, str) or len(given) > 500:
        raise DataError(f"{where}.{name} is no text of up to 500 characters.")
    return given
