"""Orders that take one item off, everywhere or in one territory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recsys.safety import terms

Withheld = Mapping[str, frozenset[str | None]]  # item id → territories; None among them = everywhere


@dataclass(frozen=True, slots=True)
class Takedown:
    """An order about an item id, which need not be in the catalogue. It holds as long as it is in the active list.

    A territory that is no ISO code counts as everywhere: a misspelt order takes off too much, never too little.
    """

    id: str
    item_id: str
    territory: str | None = None  # None = everywhere, else a legal withholding there
    reason: str = ""
    at: float = 0.0  # s UTC: when it was ordered


def withheld(takedowns: Iterable[Takedown]) -> Withheld:
    """Where each item is taken down, whatever the order of the orders."""
    places: dict[str, set[str | None]] = {}
    for order in takedowns:
        places.setdefault(order.item_id, set()).add(terms.territory(order.territory))
    return {item: frozenset(where) for item, where in places.items()}


def bites(places: frozenset[str | None], territory: str | None) -> bool:
    """Whether an item is withheld from a viewer there; one whose territory is unknown may be anywhere."""
    return territory is None or None in places or territory in places
