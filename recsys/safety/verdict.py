"""What the gate says of an item, on one scale of which the most restrictive wins."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.types import BoolArray, IntArray

ARTWORK, TITLE = "artwork", "title"
PARTS = {ARTWORK: 1, TITLE: 2}  # of an item, as bits

TAKEDOWN = "takedown"  # taken down everywhere
WITHHELD = "legal_withholding"  # taken down in the viewer's territory, or somewhere while the viewer's is unknown
TERRITORY = "territory"  # no right in the viewer's territory
WINDOW = "window"  # before available_from, or at or after available_to
EMBARGO = "embargo"  # before embargo_until
AGE = "age"  # the minimum age is above the viewer's
UNLABELLED = "unlabelled"  # nobody has said what it holds
UNRATED = "unrated"  # no board has rated it, where a rating is needed
CURFEW = "curfew"  # a minor, at night
STALE = "stale_policy"  # nobody has confirmed the policy for too long
ERROR = "error"  # a field, the index or the clock is garbage, or a scanner could not judge it
REASONS = (
    *(TAKEDOWN, WITHHELD, TERRITORY, WINDOW, EMBARGO, AGE, UNLABELLED, UNRATED, CURFEW, STALE, ERROR),
    *("label", "unknown_label", "unknown_rating"),  # without the name that follows
)


class Verdict(IntEnum):
    """allow < label < interstitial < limit < hold < block < takedown.

    ``allow``, ``label`` (shown with its labels) and ``interstitial`` (shown behind a click) are shown; the rest is not.
    """

    ALLOW = 0
    LABEL = 1
    INTERSTITIAL = 2
    LIMIT = 3
    HOLD = 4
    BLOCK = 5
    TAKEDOWN = 6

    @property
    def code(self) -> str:
        """The name as it stands in packs, responses and logs."""
        return self.name.lower()

    @property
    def shown(self) -> bool:
        """Whether an item with this verdict may be on a screen at all."""
        return self <= Verdict.INTERSTITIAL


_TOLD = {int(verdict): verdict for verdict in (Verdict.LABEL, Verdict.INTERSTITIAL)}
VERDICTS = {verdict.code: verdict for verdict in Verdict}


@dataclass(frozen=True, slots=True)
class Finding:
    """Why an item has its verdict.

    ``reason`` is a machine code: one of this module's constants, ``label:NAME``, ``unknown_label:NAME`` or
    ``unknown_rating:NAME``; "" for allow. It belongs to the most restrictive finding, and of equals to the first in the
    order of precedence. ``error``: nobody could judge the item, which is not the same as a bad one.
    """

    verdict: Verdict
    reason: str
    policy: str  # name@version+digest
    label: str | None = None
    score: float | None = None
    source: str | None = None  # who gave the label
    term: str | None = None  # the value that a rule found
    list_id: str | None = None  # the list that the value is on
    rule: str | None = None

    @property
    def error(self) -> bool:
        """Whether the item is held because it could not be judged."""
        return self.reason == ERROR

    @property
    def grounds(self) -> dict[str, str | float]:
        """What the verdict rests on, for receipts: policy, label, score, source, term, list and rule, where known."""
        told = {name: getattr(self, name) for name in ("policy", "label", "score", "source", "term", "list_id", "rule")}
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Notice:
    """What a viewer is told of an item that is shown with its labels, or behind a click."""

    verdict: Verdict
    labels: tuple[str, ...]


class Witness(Protocol):
    """Whoever was there at the check, and can say more of it afterwards."""

    def explain(self, place: int) -> Finding:
        """Why the item at a place of the list has its verdict."""
        ...

    def told(self, place: int) -> tuple[str, ...]:
        """The labels of that item that a viewer is told of."""
        ...


@dataclass(frozen=True, eq=False)
class Verdicts:
    """The gate's answer on a list, aligned with it. Why is worked out when it is asked for."""

    codes: NDArray[np.int8]  # (n,) a Verdict each
    allowed: BoolArray  # (n,) whether each item may be shown
    withheld: NDArray[np.uint8]  # (n,) parts that are not shown with the item, as bits of PARTS
    policy: str  # what judged, as name@version+digest
    _witness: Witness

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def verdict(self) -> list[Verdict]:
        """The verdicts themselves."""
        return [Verdict(code) for code in self.codes.tolist()]

    @cached_property
    def findings(self) -> list[Finding]:
        """Each verdict with its reason, as of the moment of the check."""
        return [self._witness.explain(place) for place in range(len(self))]

    @property
    def reasons(self) -> list[str]:
        """The machine codes of the findings."""
        return [finding.reason for finding in self.findings]

    def split(self, sizes: Sequence[int]) -> list["Verdicts"]:
        """The answer on each of the lists that were judged in one, of so many items each."""
        parts, start = [], 0
        for size in sizes:
            part = slice(start, start + size)
            witness = _Part(self._witness, start)
            parts.append(Verdicts(self.codes[part], self.allowed[part], self.withheld[part], self.policy, witness))
            start += size
        return parts

    def notices(self) -> tuple[Notice | None, ...]:
        """For items that are shown with a label or behind a click: what to tell the viewer."""
        codes = self.codes.tolist()
        if not any(code in _TOLD for code in codes):
            return (None,) * len(codes)
        return tuple(
            Notice(_TOLD[code], self._witness.told(place)) if code in _TOLD else None
            for place, code in enumerate(codes)
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Part(Witness):
    """Whoever was there, asked about one list of several."""

    whole: Witness
    start: int

    def explain(self, place: int) -> Finding:
        return self.whole.explain(self.start + place)

    def told(self, place: int) -> tuple[str, ...]:
        return self.whole.told(self.start + place)


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """What is about to be shown: items, and for each the items that its explanation names."""

    items: IntArray  # (n,)
    because: Sequence[Sequence[int]] = ()  # aligned with items; empty = nothing is explained


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """A response after the check. Nothing is in it that was not in the response."""

    verdicts: Verdicts
    because: tuple[tuple[int, ...], ...]  # aligned with the items: what an explanation may name

    @property
    def withheld(self) -> tuple[tuple[str, ...], ...]:
        """For each item the names of its parts that may not be on the screen."""
        bits = self.verdicts.withheld.tolist()
        if not any(bits):
            return ((),) * len(bits)
        return tuple(tuple(part for part, bit in PARTS.items() if have & bit) for have in bits)

    def may_show(self, part: str) -> BoolArray:
        """(n,) whether the part of each item, such as its artwork, may be on the screen."""
        bit = PARTS[part]
        return np.asarray(self.verdicts.allowed & (self.verdicts.withheld & bit == 0), np.bool_)
