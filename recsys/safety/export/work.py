"""A work as both formats tell it: its fields, its labels with their sources, and where it may be shown when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Protocol

from recsys.safety.rights import Rights, from_item
from recsys.safety.rights.places import countries
from recsys.safety.rights.record import Term
from recsys.safety.rights.spans import Spans

ELSEWHERE = "ZZ"  # a user-assigned code, which stands for any territory that no document names
PROVIDER = "provider"  # the source of labels that stand in the item's own record


class Labelled(Protocol):
    """A label that holds, with whoever stands behind it."""

    @property
    def label(self) -> str: ...
    @property
    def score(self) -> float | None: ...
    @property
    def territory(self) -> str | None: ...
    @property
    def source(self) -> str: ...
    @property
    def expires(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Own:
    """A label of the item's own record."""

    label: str
    score: float | None = None
    territory: str | None = None
    source: str = PROVIDER
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """One window, and all the places where it holds."""

    opens: float  # s UTC, -inf = at once
    closes: float  # s UTC, inf = without end
    regions: tuple[str, ...]  # alpha-2 codes; with ``but``, everywhere else
    but: bool = False


@dataclass(frozen=True)
class Work:
    """An item on its way out. ``effective`` is everything that holds of it; None = the labels of its record."""

    record: Mapping[str, Any]
    rights: Rights
    effective: Sequence[Labelled] | None = None

    @classmethod
    def of(cls, record: Mapping[str, Any], effective: Sequence[Labelled] | None = None) -> "Work":
        """A work with the rights of its record. DataError where these are garbage."""
        return cls(record, from_item(record), effective)

    @cached_property
    def labels(self) -> tuple[Labelled, ...]:
        """What holds of it, none dropped: the same label from two sources stands twice."""
        if self.effective is not None:
            return tuple(self.effective)
        return tuple(Own(str(label)) for label in self.record.get("labels") or ())

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """Where it may be shown when; empty = nowhere, ever."""
        return offers(self.rights)

    def text(self, name: str) -> str | None:
        """A field as text; None where it is not known."""
        value = self.record.get(name)
        return None if value is None else str(value)

    def texts(self, name: str) -> list[str]:
        """A list field; empty where it is not known."""
        return [str(value) for value in self.record.get(name) or ()]


def offers(rights: Rights) -> tuple[Offer, ...]:
    """The windows of all territories, those that share one together, earliest first.

    Territories that no term names have one set of windows, unless a local time holds there: then each has its own.
    """
    terms = rights.grants + rights.bars
    each = sorted(frozenset[str]().union(*(term.where.codes for term in terms)))
    rest: Spans = ()
    if any(_is_local(term) and ELSEWHERE in term.where for term in terms):
        each = sorted({*each, *countries()})
    else:
        rest = rights.windows(ELSEWHERE)
    places: dict[tuple[float, float], list[str]] = {window: [] for window in rest}
    for code in each:
        for window in rights.windows(code):
            places.setdefault(window, []).append(code)
    return tuple(
        Offer(*window, tuple(code for code in each if code not in codes), but=True)
        if window in rest
        else Offer(*window, tuple(codes))
        for window, codes in sorted(places.items())
    )


def _is_local(term: Term) -> bool:
    return isinstance(term.opens, date) or isinstance(term.closes, date)
