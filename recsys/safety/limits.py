"""What a pack asks of a whole list."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from recsys.safety.policy import Policy


@dataclass(frozen=True, slots=True)
class Limits:
    """The narrowest of what the packs say that hold for a viewer; None = no limit."""

    strict: bool
    max_per_creator: int | None
    max_per_topic: int | None
    topic: Literal["genres", "tags"]


def limits(packs: Sequence[Policy], surface: str) -> Limits:
    """The limits of a surface, under all packs that hold for a viewer."""
    rules = [pack.surface(surface) for pack in packs]
    return Limits(
        any(one.strict for one in rules),
        _least(one.max_per_creator for one in rules),
        _least(one.max_per_topic for one in rules),
        packs[0].topic,
    )


def _least(given: Iterable[int | None]) -> int | None:
    return min((one for one in given if one is not None), default=None)
