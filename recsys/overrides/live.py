"""What holds for one viewer now: conflicts resolved by one total order, with what caps and promises leave."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recsys.overrides.actions import MAX_FACTOR
from recsys.overrides.campaign import Sponsor
from recsys.overrides.exposure import ExposureCounts, Impression, NoExposure
from recsys.overrides.plan import Claim, Factors, Plan, Text
from recsys.overrides.reasons import (
    CAP_SLOT,
    CAP_TOTAL,
    CAP_USER_DAY,
    EXCLUDED,
    ITEM_PINNED,
    NOT_FOR_MINORS,
    SHARE,
    SLOT_TAKEN,
    TEXT_TAKEN,
    Unserved,
)
from recsys.safety.recent import Recent
from recsys.types import BoolArray, IntArray

NOWHERE = np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False)
class Resolved:
    """Actions free of conflicts, for all viewers to whom the same campaigns apply. Items are dense indices."""

    claims: tuple[Claim, ...] = ()  # in the total order, each with the slots that it won
    excluded: IntArray = field(default_factory=lambda: NOWHERE)  # sorted
    rows: Factors | None = None  # boosts and buries that hold
    texts: Mapping[int, Text] = field(default_factory=dict)
    unserved: tuple[Unserved, ...] = ()

    @cached_property
    def _pages(self) -> Recent[tuple[int, int], "Page"]:
        return Recent(8)

    def page(self, offset: int, k: int) -> "Page":
        """What slots the ``k`` places behind ``offset`` have; worked out once for each size of a list."""
        return self._pages.get((offset, k), lambda: Page.of(self, offset, k))

    @cached_property
    def starts(self) -> IntArray:
        """(factored items,) the first row of each item."""
        if self.rows is None or not len(self.rows.items):
            return NOWHERE
        return np.flatnonzero(np.diff(self.rows.items, prepend=-1)).astype(np.int32)

    @cached_property
    def factored(self) -> IntArray:
        """(factored items,) sorted items that a factor holds for."""
        return NOWHERE if self.rows is None else self.rows.items[self.starts]

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(factored items,) their factors multiplied, within [0.2, 5]."""
        if self.rows is None or not len(self.starts):
            return np.zeros(0)
        return np.clip(np.multiply.reduceat(self.rows.values, self.starts), 1 / MAX_FACTOR, MAX_FACTOR)

    @cached_property
    def factor_at(self) -> NDArray[np.float64]:
        """(factored items + 1,) ``values``, and 1 at the end, which is where -1 points to."""
        return np.append(self.values, 1.0)

    @cached_property
    def lifted(self) -> IntArray:
        """Sorted items with a factor above 1: they may come in from beyond the candidates."""
        return self.factored[self.values > 1]

    def parts(self, place: int) -> range:
        """The rows of one factored item, first in the order first."""
        end = self.starts[place + 1] if place + 1 < len(self.starts) else len(self.rows.items) if self.rows else 0
        return range(int(self.starts[place]), int(end))


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """The slots of one stretch of a list."""

    claims: tuple[Claim, ...]  # that have a slot here, in the total order; a pool leaves pinned items to their pins
    beyond: tuple[str, ...]  # ids of those that want one behind its end
    _resolved: Resolved
    _wanted: Recent[tuple[int, ...], IntArray]  # by the guarantees that are due

    @classmethod
    def of(cls, resolved: Resolved, offset: int, k: int) -> "Page":
        """Cut from all slots."""
        here = [c for c in resolved.claims if c.slot <= offset + k and c.slot + c.size > offset + 1]
        beyond = tuple(claim.id for claim in resolved.claims if claim.slot > offset + k)
        pinned = {c.items[0] for c in resolved.claims if c.kind == "pin" and c.slot <= offset + k}
        return cls(tuple(_spares(claim, pinned) for claim in here), beyond, resolved, Recent(64))

    def wanted(self, due: tuple[int, ...], promises: Sequence[Mapping[int, str]]) -> IntArray:
        """Sorted: what is boosted, in a pool here, or due of ``promises``, which are the items of each guarantee."""
        return self._wanted.get(due, lambda: self._named(item for at in due for item in promises[at]))

    def _named(self, owed: Iterable[int]) -> IntArray:
        pools = (item for claim in self.claims if claim.kind != "pin" for item in claim.items)
        return np.union1d(self._resolved.lifted, np.array([*owed, *pools], np.int32)).astype(np.int32)


def _spares(claim: Claim, pinned: Container[int]) -> Claim:
    return claim if claim.kind == "pin" else claim._replace(items=tuple(i for i in claim.items if i not in pinned))


def places_in(among: IntArray, items: IntArray) -> IntArray:
    """(items,) where each item stands in the sorted ``among``, -1 for nowhere."""
    if not len(among):
        return np.full(len(items), -1, np.intp)
    places = among.searchsorted(items)
    return np.where(among.take(places, mode="clip") == items, places, -1)


NOTHING_RESOLVED = Resolved()
_NO_COUNTS = NoExposure()


@dataclass(frozen=True, eq=False)
class Live:
    """What holds for one viewer in one request."""

    resolved: Resolved = NOTHING_RESOLVED
    plan: Plan | None = None
    spent: Mapping[int, str] = field(default_factory=dict)  # campaign → why it promotes nothing now
    due: tuple[int, ...] = ()  # places in plan.promises of the guarantees to be served now, in the campaigns' order
    owed: tuple[int, ...] = ()  # of those that are behind: the due ones, and what caps or a minor's rights hold back
    user: str | None = None  # whose counts are read and written; None where nobody's are
    exposure: ExposureCounts = _NO_COUNTS

    @property
    def excluded(self) -> frozenset[int]:
        """Items that editors leave out."""
        return frozenset(self.resolved.excluded.tolist())

    @property
    def pins(self) -> dict[int, tuple[int, str]]:
        """slot → (item, override id), of pins alone."""
        return {c.slot: (c.items[0], c.id) for c in sorted(self.resolved.claims, key=_slot) if c.kind == "pin"}

    @property
    def factors(self) -> dict[int, tuple[float, str]]:
        """item → (factor, id of the first override in the order)."""
        found = self.resolved
        if found.rows is None:
            return {}
        ids = (found.rows.ids[start] for start in found.starts.tolist())
        return dict(zip(found.factored.tolist(), zip(found.values.tolist(), ids, strict=True), strict=True))

    def wanted(self, offset: int, k: int) -> IntArray:
        """Sorted: what editors want in the ``k`` places behind ``offset``; of the guarantees that are due, ``k``."""
        page = self.resolved.page(offset, k)
        return page.wanted(self.due[:k], () if self.plan is None else self.plan.promises.items)

    @property
    def unserved(self) -> tuple[Unserved, ...]:
        """What holds and lost already, whatever the list: to conflicts, caps, unknown items."""
        plan = self.plan
        if plan is None or not self.spent:
            return self.resolved.unserved
        spent = [Unserved(name, self.spent[at]) for name, at in plan.at.items() if at in self.spent]
        return (*self.resolved.unserved, *spent)

    def sponsor(self, override: str | None) -> Sponsor | None:
        """Who pays for a position, None where nobody does."""
        if override is None or self.plan is None or override not in self.plan.at:
            return None
        return self.plan.campaigns[self.plan.at[override]].sponsor

    def title(self, override: str) -> str:
        """The title of a row by its override id."""
        return next((claim.title for claim in self.resolved.claims if claim.id == override), "")

    def refusal(self, campaign: int, slot: int, k: int, given: int) -> str | None:
        """Why a campaign that has ``given`` positions of a list of ``k`` may not have ``slot`` too; None if it may."""
        if self.plan is None:
            return None
        terms = self.plan.campaigns[campaign]
        caps = terms.caps
        if terms.share is not None and given >= int(terms.share * k + 1e-9):
            return SHARE
        if caps.total is not None and self.exposure.totals([terms.id])[0] + given >= caps.total:
            return CAP_TOTAL
        if caps.slot is not None and self.exposure.in_slot(terms.id, slot) >= caps.slot:
            return CAP_SLOT
        if caps.user_day is not None and self._today(campaign) + given >= caps.user_day:
            return CAP_USER_DAY
        return None

    def impressions(self, overrides: Sequence[str | None], offset: int = 0) -> list[Impression]:
        """What a shown list counts for, from the override id of each position behind ``offset`` places."""
        if self.plan is None:
            return []
        at, campaigns, days = self.plan.at, self.plan.campaigns, self.plan.days
        return [
            Impression(campaigns[at[name]].id, days[at[name]], slot)
            for slot, name in enumerate(overrides, offset + 1)
            if name is not None and name in at
        ]

    def record(self, overrides: Sequence[str | None], offset: int = 0) -> None:
        """Count a list, or a page of one, that was shown; for its user only where a cap goes by that."""
        impressions = self.impressions(overrides, offset)
        if not impressions or self.plan is None:
            return
        capped = self.plan.user_caps
        if capped and (own := [one for one in impressions if one.campaign in capped]):
            self.exposure.record(self.user, own)
            impressions = [one for one in impressions if one.campaign not in capped]
        if impressions:
            self.exposure.record(None, impressions)

    def _today(self, campaign: int) -> int:
        if self.user is None or self.plan is None:
            return 0
        key = (self.plan.campaigns[campaign].id, self.plan.days[campaign])
        return self._counted.get(key, 0)

    @cached_property
    def _counted(self) -> Mapping[tuple[str, int], int]:
        """What the viewer has had when the list was begun."""
        return {} if self.user is None else self.exposure.of_user(self.user)


NONE_LIVE = Live()


def resolve(plan: Plan, on: BoolArray, promote: BoolArray, excluded: IntArray) -> Resolved:
    """Who wins among the campaigns that apply: (campaigns,) ``on``, and ``promote`` where they are not spent.

    ``excluded`` are the sorted items that are left out.
    """
    claims, unserved = _claimed([claim for claim in plan.claims if promote[claim.campaign]], set(excluded.tolist()))
    rows = plan.factors
    held = np.where(rows.boosts, promote[rows.campaigns], on[rows.campaigns])
    texts, taken = _texts(text for text in plan.texts if on[text.campaign])
    lost = [Unserved(name, reason) for at, name, reason in plan.lost if on[at]]
    return Resolved(claims, excluded, _held(rows, held), texts, (*unserved, *taken, *lost))


def minors_spared(plan: Plan, minor: bool) -> dict[int, str]:
    """Campaigns whose objective is not pursued with minors, where a minor looks."""
    return dict.fromkeys(np.flatnonzero(~plan.for_minors).tolist(), NOT_FOR_MINORS) if minor else {}


def _slot(claim: Claim) -> int:
    return claim.slot


def _held(rows: Factors, held: BoolArray) -> Factors | None:
    kept = np.flatnonzero(held)
    if not len(kept):
        return None
    ids = tuple(rows.ids[row] for row in kept.tolist())
    return Factors(rows.items[kept], rows.values[kept], rows.campaigns[kept], rows.boosts[kept], ids)


def _claimed(claims: Sequence[Claim], excluded: set[int]) -> tuple[tuple[Claim, ...], list[Unserved]]:
    """Slots go to whoever comes first; a fill or a row takes the free ones from its slot on, up to the first taken."""
    taken: set[int] = set()
    pinned: set[int] = set()
    won: list[Claim] = []
    lost: list[Unserved] = []
    for claim in claims:
        items = tuple(item for item in claim.items if item not in excluded)
        size = next((n for n in range(claim.size) if claim.slot + n in taken), claim.size)
        if not items:
            lost.append(Unserved(claim.id, EXCLUDED))
        elif claim.kind == "pin" and items[0] in pinned:
            lost.append(Unserved(claim.id, ITEM_PINNED))
        elif not size:
            lost.append(Unserved(claim.id, SLOT_TAKEN))
        else:
            taken.update(range(claim.slot, claim.slot + size))
            pinned.update(items[:1] if claim.kind == "pin" else ())
            won.append(claim._replace(items=items, size=size))
            if size < claim.size:
                lost.append(Unserved(claim.id, SLOT_TAKEN))
    return tuple(won), lost


def _texts(texts: Iterable[Text]) -> tuple[dict[int, Text], list[Unserved]]:
    """The first text of an item in the order is the one that is shown."""
    found: dict[int, Text] = {}
    lost = []
    for text in texts:
        first = found.get(text.item)
        if first is None:
            found[text.item] = text
        else:
            lost.append(Unserved(text.id, TEXT_TAKEN))
    return found, lost
