"""The actions of a campaign: what an editor can do to a list. Each is frozen and says what is impossible in it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

MAX_FACTOR = 5.0  # of one boost, and of all on one item together; a bury is at least 1 / MAX_FACTOR
MAX_POOL = 1000  # items that a fill or a row chooses from
MAX_PLACES = 50  # positions of one fill or row
MAX_TEXT = 200  # characters of a title that is shown


@dataclass(frozen=True, slots=True)
class Pin:
    """One item in one slot; slot 1 is the top."""

    item_id: str
    slot: int
    kind: ClassVar[str] = "pin"

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        yield from _item_mistakes(self.item_id)
        yield from _slot_mistakes(self.slot)


@dataclass(frozen=True, slots=True)
class Boost:
    """An item's normalised score times ``factor``, from 1 to 5. A factor of 1 only marks it for a guarantee."""

    item_id: str
    factor: float
    kind: ClassVar[str] = "boost"

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        yield from _item_mistakes(self.item_id)
        if not (math.isfinite(self.factor) and self.factor >= 1):
            yield f"factor is {self.factor}; a boost has at least 1"

    @property
    def applied(self) -> float:
        """The factor within its limits."""
        return min(self.factor, MAX_FACTOR)


@dataclass(frozen=True, slots=True)
class Bury:
    """An item's normalised score times ``factor``, from 0.2 to 1."""

    item_id: str
    factor: float
    kind: ClassVar[str] = "bury"

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        yield from _item_mistakes(self.item_id)
        if not (math.isfinite(self.factor) and 0 < self.factor <= 1):
            yield f"factor is {self.factor}; a bury is above 0 and at most 1"

    @property
    def applied(self) -> float:
        """The factor within its limits."""
        return max(self.factor, 1 / MAX_FACTOR)


@dataclass(frozen=True, slots=True)
class Exclude:
    """An item that is not shown. It stands above every promotion and knows no caps."""

    item_id: str
    kind: ClassVar[str] = "exclude"

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        yield from _item_mistakes(self.item_id)


@dataclass(frozen=True, slots=True)
class Fill:
    """``quota`` positions from ``slot`` on for the best items of a pool, by the viewer's own ranking."""

    slot: int
    pool: tuple[str, ...]
    quota: int = 1
    kind: ClassVar[str] = "fill"

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        yield from _slot_mistakes(self.slot)
        yield from _pool_mistakes(self.pool)
        if not 1 <= self.quota <= MAX_PLACES:
            yield f"quota is {self.quota}; a fill takes 1 to {MAX_PLACES} positions"


@dataclass(frozen=True, slots=True)
class Row:
    """A titled row between the list's own rows: up to ``size`` positions from ``slot`` on, shown as one group."""

    slot: int
    title: str
    pool: tuple[str, ...]
    size: int
    kind: ClassVar[str] = "row"

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        yield from _slot_mistakes(self.slot)
        yield from _pool_mistakes(self.pool)
        yield from text_mistakes("title", self.title)
        if not 1 <= self.size <= MAX_PLACES:
            yield f"size is {self.size}; a row has 1 to {MAX_PLACES} positions"


@dataclass(frozen=True, slots=True)
class Present:
    """Another title or artwork for an item, wherever it stands; it moves nothing."""

    item_id: str
    title: str | None = None
    artwork: str | None = None  # an https address
    kind: ClassVar[str] = "present"

    def mistakes(self) -> Iterator[str]:
        """What is impossible, one sentence each."""
        yield from _item_mistakes(self.item_id)
        if self.title is None and self.artwork is None:
            yield "title and artwork are both missing; give what is to be shown"
        if self.title is not None:
            yield from text_mistakes("title", self.title)
        if self.artwork is not None and not _is_https(self.artwork):
            yield "artwork is no https address; give one"


CampaignAction = Pin | Boost | Bury | Exclude | Fill | Row | Present
KINDS: dict[str, type[CampaignAction]] = {kind.kind: kind for kind in (Pin, Boost, Bury, Exclude, Fill, Row, Present)}
PROMOTIONS = frozenset({"pin", "boost", "fill", "row"})  # what caps, share ceilings and audiences of minors limit


def text_mistakes(name: str, text: str) -> Iterator[str]:
    """What is wrong with a short text that viewers read."""
    if not text.strip():
        yield f"{name} is empty; give one"
    elif len(text) > MAX_TEXT:
        yield f"{name} has {len(text)} characters; write at most {MAX_TEXT}"
    elif not text.isprintable():
        yield f"{name} has characters that are not printed; leave them out"


def _item_mistakes(item_id: str) -> Iterator[str]:
    if not item_id:
        yield "item_id is empty; give one"


def _slot_mistakes(slot: int) -> Iterator[str]:
    if slot < 1:
        yield f"slot is {slot}; slots count from 1"


def _pool_mistakes(pool: Sequence[str]) -> Iterator[str]:
    if not pool or not all(pool):
        yield "pool is empty or has an empty id; give the items to choose from"
    elif len(set(pool)) < len(pool):
        yield "pool names an item twice; name each once"
    elif len(pool) > MAX_POOL:
        yield f"pool has {len(pool)} items; give at most {MAX_POOL}"


def _is_https(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and len(address) <= 2000 and address.isprintable()
