"""Overrides resolved for a viewer: who wins is one total order, whatever order they arrived in."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from recsys.dataset.ids import IdMap
from recsys.errors import ConfigError
from recsys.overrides.override import MAX_FACTOR, Override
from recsys.safety import terms
from recsys.safety.recent import Recent
from recsys.types import Viewer

EXCLUDED = "excluded"  # an exclude stands above a pin
SLOT_TAKEN = "slot_taken"  # another pin of the slot comes first in the order
ITEM_PINNED = "item_pinned"  # another pin of the item comes first in the order
UNKNOWN_ITEM = "unknown_item"
_NOWHERE = "\0"  # a territory that no override names


@dataclass(frozen=True, slots=True)
class Unserved:
    """A live override that changes nothing, and why, as a machine code."""

    override: str
    reason: str


@dataclass(frozen=True, slots=True)
class Live:
    """What holds for one viewer now, free of conflicts. Items are dense indices."""

    pins: Mapping[int, tuple[int, str]] = field(default_factory=dict)  # slot → (item, override id)
    factors: Mapping[int, tuple[float, str]] = field(default_factory=dict)  # item → (factor, id of the first in order)
    excluded: frozenset[int] = frozenset()
    unserved: tuple[Unserved, ...] = ()


NONE_LIVE = Live()


@dataclass(frozen=True, slots=True, eq=False)
class OverrideIndex:
    """All overrides of a service, in their order. Immutable and safe to share between threads."""

    ordered: tuple[tuple[int, Override], ...]  # (item, override), who comes first wins
    unknown: tuple[Override, ...]  # of items that the id map does not have
    refused: tuple[str, ...]  # why others are left out, one sentence each
    _turns: tuple[float, ...]  # sorted starts and ends
    _named: tuple[frozenset[str], frozenset[str]]  # surfaces and territories that make a difference
    _memory: Recent[tuple[str, str | None, int], Live] = field(default_factory=lambda: Recent(1024), repr=False)

    @classmethod
    def compile(cls, overrides: Iterable[Override], ids: IdMap) -> Self:
        """Put overrides in order: priority falling, specificity falling, created_at rising, id.

        One that does not validate is left out and its sentence kept in ``refused``; serving goes on without it.
        """
        sound, refused = [], []
        for order in dict.fromkeys(overrides):
            try:
                order.validate()
            except ConfigError as error:
                refused.append(str(error))
            else:
                sound.append(order)
        sound.sort(key=_rank)
        found = [(ids.get(order.item_id), order) for order in sound]
        turns = {moment for order in sound for moment in (order.start, order.end)}
        return cls(
            ordered=tuple((item, order) for item, order in found if item is not None),
            unknown=tuple(order for item, order in found if item is None),
            refused=tuple(sorted(refused)),
            _turns=tuple(sorted(turns)),
            _named=(
                frozenset[str]().union(*(order.surfaces for order in sound)),
                frozenset[str]().union(*(order.territories for order in sound)),
            ),
        )

    def live(self, viewer: Viewer, now: float) -> Live:
        """What holds for a viewer at ``now`` (s UTC); worked out once between two starts or ends.

        To a viewer whose territory is unknown, an exclude for some territories applies and nothing else for some does.
        """
        if not self._turns or not math.isfinite(now):
            return NONE_LIVE
        surfaces, territories = self._named
        surface = viewer.surface if viewer.surface in surfaces else ""
        territory = terms.territory(viewer.territory)
        if territory is not None and territory not in territories:
            territory = _NOWHERE
        key = (surface, territory, bisect_right(self._turns, now))
        return self._memory.get(key, lambda: self._resolve(surface, territory, now))

    def _resolve(self, surface: str, territory: str | None, now: float) -> Live:
        orders = [(item, order) for item, order in self.ordered if _applies(order, surface, territory, now)]
        lost = [order for order in self.unknown if _applies(order, surface, territory, now)]
        excluded = frozenset(item for item, order in orders if order.action == "exclude")
        pins, unserved = _pins(orders, excluded)
        unserved += [Unserved(order.id, UNKNOWN_ITEM) for order in lost]
        return Live(MappingProxyType(pins), MappingProxyType(_factors(orders)), excluded, tuple(unserved))


def _rank(order: Override) -> tuple[Any, ...]:
    """The total order; what follows the id only decides between overrides that share one."""
    rest = (order.action, order.item_id, order.slot or 0, order.factor or 0.0, order.start, order.end)
    names = (sorted(order.surfaces), sorted(order.territories), order.created_by, order.reason)
    return (-order.priority, -order.specificity, order.created_at, order.id, *rest, *names)


def _applies(order: Override, surface: str, territory: str | None, now: float) -> bool:
    here = territory in order.territories or (territory is None and order.action == "exclude")
    return (
        order.start <= now < order.end
        and (not order.surfaces or surface in order.surfaces)
        and (not order.territories or here)
    )


def _pins(
    orders: Sequence[tuple[int, Override]], excluded: frozenset[int]
) -> tuple[dict[int, tuple[int, str]], list[Unserved]]:
    pins: dict[int, tuple[int, str]] = {}
    placed: set[int] = set()
    unserved: list[Unserved] = []
    for item, order in orders:
        if order.action != "pin" or order.slot is None:
            continue
        if item in excluded:
            unserved.append(Unserved(order.id, EXCLUDED))
        elif item in placed:
            unserved.append(Unserved(order.id, ITEM_PINNED))
        elif order.slot in pins:
            unserved.append(Unserved(order.id, SLOT_TAKEN))
        else:
            pins[order.slot] = (item, order.id)
            placed.add(item)
    return pins, unserved


def _factors(orders: Sequence[tuple[int, Override]]) -> dict[int, tuple[float, str]]:
    product: dict[int, tuple[float, str]] = {}
    for item, order in orders:
        if order.action in ("boost", "bury"):
            factor, first = product.get(item, (1.0, order.id))
            product[item] = (factor * order.applied_factor, first)
    return {item: (min(max(factor, 1 / MAX_FACTOR), MAX_FACTOR), first) for item, (factor, first) in product.items()}
