"""What a rights document says of one work, before it is known which item that is."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from recsys.errors import DataError
from recsys.safety.rights.form import MAX_TERMS
from recsys.safety.rights.local import When
from recsys.safety.rights.places import Places, places
from recsys.safety.rights.record import Rights, Term

_ISBN_10 = re.compile(r"\d{9}[\dX]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One work of a document. ``ids`` are (scheme, value); schemes in lower case: isbn, isrc, icpn, alid …"""

    ids: tuple[tuple[str, str], ...]
    rights: Rights
    where: str  # file and line or row
    takedown: bool = False  # it has to go at once, everywhere
    silent: bool = False  # the document says nothing of where it may be shown, so it may be shown nowhere


def joined(entries: Sequence[Entry]) -> Rights:
    """The rights of one item that several entries speak of: grants and bars of all, each once."""
    first = entries[0].rights
    grants = tuple(dict.fromkeys(grant for entry in entries for grant in entry.rights.grants))
    bars = tuple(dict.fromkeys(bar for entry in entries for bar in entry.rights.bars))
    return bounded(Rights(grants, bars, first.source, first.document), entries[0].where)


def bounded(rights: Rights, where: str) -> Rights:
    """The same rights, each term once; DataError where there are too many."""
    kept = Rights(
        tuple(dict.fromkeys(rights.grants)), tuple(dict.fromkeys(rights.bars)), rights.source, rights.document
    )
    if len(kept.grants) + len(kept.bars) > MAX_TERMS:
        raise DataError(
            f"{where}: there are more than {MAX_TERMS} grants and bars of one work; join those that repeat."
        )
    return kept


def territories(
    included: Iterable[str], excluded: Iterable[str], fault: Callable[[str], DataError], *, bars: bool = False
) -> Places:
    """Included territories without the excluded ones; the error is that of ``fault``.

    Where part of a country is named, a grant holds in less than is said and a bar (``bars``) in more.
    """
    try:
        return places(included, whole=bars).without(places(excluded, whole=not bars))
    except ValueError as error:
        raise fault(f"{error!s:.80}; write a code such as DE, or a region that regions.toml lists") from None


def day_after(day: date) -> When:
    """The end of a period whose last day is given; the last day of the calendar is no end."""
    return math.inf if day == date.max else day + timedelta(days=1)


def embargo(where: Places, lifts: When) -> Term:
    """The bar that holds until ``lifts``."""
    return Term(where, closes=lifts, use="embargo")


def same(scheme: str, value: str) -> str:
    """An identifier in the form in which it is compared: no hyphens and blanks, ISBN-10 as ISBN-13."""
    if scheme != "isbn":
        return value.strip()
    plain = re.sub(r"[\s-]", "", value).upper()
    if not _ISBN_10.fullmatch(plain):
        return plain
    digits = f"978{plain[:9]}"
    check = -sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits)) % 10
    return f"{digits}{check}"
