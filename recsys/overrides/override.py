"""The smallest campaign: one action on one item, for some surfaces and territories, with a mandatory end."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from recsys.errors import ConfigError
from recsys.overrides.actions import Boost, Bury, CampaignAction, Exclude, Pin
from recsys.overrides.campaign import Campaign, place_mistakes, time_mistakes

Action = Literal["pin", "boost", "bury", "exclude"]
ACTIONS: tuple[str, ...] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Override:
    """One order. It holds in [start, end), in s UTC; no surfaces or territories means all of them."""

    id: str
    action: Action
    item_id: str
    slot: int | None = None  # pin: the position, 1 is the top
    factor: float | None = None  # boost ≥ 1, bury ≤ 1; held within [1, 5] and [0.2, 1]
    surfaces: frozenset[str] = frozenset()
    territories: frozenset[str] = frozenset()  # ISO 3166-1 alpha-2, upper case
    start: float = -math.inf
    end: float = math.nan  # mandatory: an override without an end is refused
    priority: int = 0
    created_at: float = 0.0
    created_by: str = ""
    reason: str = ""

    def validate(self) -> None:
        """ConfigError naming each field that says something impossible."""
        if mistakes := list(_mistakes(self)):
            raise ConfigError(f"The override {self.id!r} cannot be applied: {'; '.join(mistakes)}.")

    @property
    def campaign(self) -> Campaign:
        """The same as a campaign of one action, which carries this override's id."""
        return Campaign(
            self.id,
            (self._action,),
            surfaces=self.surfaces,
            territories=self.territories,
            start=self.start,
            end=self.end,
            priority=self.priority,
            approved_at=self.created_at,
            created_by=self.created_by,
            reason=self.reason,
        )

    @property
    def _action(self) -> CampaignAction:
        if self.action == "pin":
            return Pin(self.item_id, self.slot or 0)
        if self.action == "exclude":
            return Exclude(self.item_id)
        kind = Boost if self.action == "boost" else Bury
        return kind(self.item_id, 1.0 if self.factor is None else self.factor)


def _mistakes(order: Override) -> Iterator[str]:
    for name in ("id", "item_id"):
        if not getattr(order, name):
            yield f"{name} is empty; give one"
    if order.action not in ACTIONS:
        yield f"action is {order.action!r}; write one of {', '.join(ACTIONS)}"
    yield from _placement_mistakes(order)
    yield from _factor_mistakes(order)
    yield from place_mistakes(order.surfaces, order.territories)
    yield from time_mistakes(order.start, order.end)
    if not math.isfinite(order.created_at):
        yield "created_at is no time; give seconds since 1970"


def _placement_mistakes(order: Override) -> Iterator[str]:
    if order.action == "pin" and (order.slot is None or order.slot < 1):
        yield f"slot is {order.slot}; a pin has a slot from 1"
    if order.action != "pin" and order.slot is not None:
        yield f"slot is {order.slot}; only a pin has one"


def _factor_mistakes(order: Override) -> Iterator[str]:
    if order.action not in ("boost", "bury"):
        if order.factor is not None:
            yield f"factor is {order.factor}; only boost and bury have one"
    elif order.factor is None or not math.isfinite(order.factor) or order.factor <= 0:
        yield f"factor is {order.factor}; a {order.action} has a number above 0"
    elif (order.factor < 1) if order.action == "boost" else (order.factor > 1):
        yield f"factor is {order.factor}; a boost has at least 1 and a bury at most 1"
