"""One rights record, whatever document it came from: where and when a work may be shown."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, tzinfo
from functools import cached_property
from typing import Literal

from recsys.errors import DataError
from recsys.safety.rights import spans
from recsys.safety.rights.local import When, closing, opening
from recsys.safety.rights.places import WORLD, Places, clocks, code
from recsys.safety.rights.spans import Spans

Reason = Literal["territory", "window", "embargo"]  # why something may not be shown, as the gate names it


@dataclass(frozen=True, slots=True)
class Term:
    """Somewhere, for some time: start inclusive, end exclusive."""

    where: Places = WORLD
    opens: When = -math.inf  # s UTC, or by each territory's own clock
    closes: When = math.inf
    use: str = ""  # of a grant: stream, download, sell …, kept as it was given; of a bar: its reason

    def __post_init__(self) -> None:
        for when in (self.opens, self.closes):
            if isinstance(when, float | int) and math.isnan(when):
                raise DataError("A right opens or closes at a time that is not a number; give a time or leave it out.")
            if isinstance(when, date) and getattr(when, "tzinfo", None) is not None:
                raise DataError("A right has an aware time; give seconds UTC, or a time without a zone for local time.")

    def granted(self, zones: tuple[tzinfo, ...]) -> tuple[float, float]:
        """Its time as a grant: from when every clock has reached the start until one reaches the end."""
        return opening(self.opens, zones), closing(self.closes, zones)

    def barred(self, zones: tuple[tzinfo, ...]) -> tuple[float, float]:
        """Its time as a bar, the wider reading: from one clock's start until every clock has reached the end."""
        return closing(self.opens, zones), opening(self.closes, zones)


@dataclass(frozen=True)
class Rights:
    """What grants allow and no bar forbids; without a grant, nothing. Frozen and hashable.

    ``bars`` carry their reason in ``use``: ``territory``, ``window`` or ``embargo``.
    """

    grants: tuple[Term, ...] = ()
    bars: tuple[Term, ...] = ()
    source: str = ""  # the format: item, onix, avails, ddex
    document: str = ""  # which document said so

    def windows(self, territory: str | None) -> Spans:
        """The [opens, closes) intervals (s UTC, sorted) in which a work may be shown there; empty = never.

        A territory that is None or no alpha-2 code is unknown: only what holds everywhere in the world counts.
        """
        found = code(territory)
        if found is not None:
            return self._windows(found, clocks(found))
        elsewhere = self._windows("", clocks(None))  # every place that no term names
        for name in self._named:
            if not elsewhere:
                break
            elsewhere = spans.shared(elsewhere, self._windows(name, clocks(name)))
        return elsewhere

    def reason(self, territory: str | None, at: float) -> Reason | None:
        """Why a work may not be shown there at a moment (s UTC); None where it may."""
        if any(opens <= at < closes for opens, closes in self.windows(territory)):
            return None
        lifted = Rights(self.grants, tuple(bar for bar in self.bars if bar.use != "embargo"))
        if any(opens <= at < closes for opens, closes in lifted.windows(territory)):
            return "embargo"
        whenever = Rights(_anytime(self.grants), _anytime(bar for bar in self.bars if bar.use == "territory"))
        return "window" if whenever.windows(territory) else "territory"

    def narrowed(self, other: "Rights") -> "Rights":
        """What these rights allow and ``other``, which has one grant at most, does not forbid."""
        return Rights(self.grants, self.bars + tuple(_beyond(other)), self.source, self.document)

    def _windows(self, territory: str, zones: tuple[tzinfo, ...]) -> Spans:
        granted = [grant.granted(zones) for grant in self.grants if territory in grant.where]
        barred = [bar.barred(zones) for bar in self.bars if territory in bar.where]
        return spans.without(spans.union(granted), spans.union(barred)) if barred else spans.union(granted)

    @cached_property
    def _named(self) -> frozenset[str]:
        return frozenset[str]().union(*(term.where.codes for term in self.grants + self.bars))


ALLOWED = Rights((Term(),), source="item")  # a work that no document says anything of
FORBIDDEN = Rights()


def _anytime(terms: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(Term(term.where) for term in terms)


def _beyond(rights: Rights) -> Iterator[Term]:
    """The bars that say what ``rights`` say."""
    yield from rights.bars
    if not rights.grants:
        yield Term(use="territory")
    for grant in rights.grants[:1]:
        if outside := grant.where.outside():
            yield Term(outside, use="territory")
        if grant.opens != -math.inf:
            yield Term(closes=grant.opens, use="window")
        if grant.closes != math.inf:
            yield Term(opens=grant.closes, use="window")
