"""Campaigns over ten works, and lists under them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.dataset.ids import IdMap
from recsys.overrides import (
    NOBODY,
    Campaign,
    CampaignAction,
    Live,
    NoExposure,
    Override,
    OverrideIndex,
    Person,
    Placed,
    Room,
    place,
)
from recsys.types import Slate, Viewer

WORKS = [f"i{n}" for n in range(10)]
IDS = IdMap(WORKS)
VIEWER = Viewer("home", "DE", 30)
END = 100.0


def campaign(name: str, *actions: CampaignAction, **more: object) -> Campaign:
    """A campaign that ends at 100."""
    return Campaign(name, actions, **{"end": END, **more})


def live(
    *orders: Campaign | Override,
    viewer: Viewer = VIEWER,
    now: float = 0.0,
    person: Person = NOBODY,
    exposure: object = None,
) -> Live:
    """What holds for a viewer."""
    return OverrideIndex.compile(orders, IDS).live(viewer, now, person, exposure or NoExposure())


def slate(items: Sequence[int], scores: Sequence[float] | None = None, source: str = "als") -> Slate:
    """A model's list; scores fall evenly from 1 to 0 unless given."""
    given = np.linspace(1, 0, len(items)) if scores is None else scores
    return Slate(np.array(items, np.int32), np.array(given, np.float32), (source,) * len(items), (None,) * len(items))


def placed(
    items: Sequence[int],
    held: Live | Sequence[Campaign | Override] = (),
    k: int = 4,
    *,
    scores: Sequence[float] | None = None,
    eligible: Sequence[int] | None = None,
    more: object = None,
    **room: object,
) -> Placed:
    """A list of ``items`` under campaigns; ``eligible`` None is all ten."""
    open_to = np.ones(10, np.bool_) if eligible is None else np.isin(np.arange(10), eligible)
    found = held if isinstance(held, Live) else live(*held)
    return place(slate(items, scores), found, open_to, Room(k, **room), more)


def shown(out: Placed) -> list[int]:
    """The items of a list."""
    return out.slate.items.tolist()


def reasons(out: Placed) -> dict[str, str]:
    """Why each override is unserved."""
    return {one.override: one.reason for one in out.unserved}


@dataclass(frozen=True)
class Field:
    """An audience: one field has one value."""

    name: str
    value: str

    @property
    def names(self) -> tuple[str, ...]:
        """The field."""
        return (self.name,)

    def holds(self, record: Mapping[str, object]) -> bool:
        """Whether it has it."""
        return record.get(self.name) == self.value


@dataclass(frozen=True)
class Known:
    """More than the slate: scores of some items, everything else unknown."""

    scores: tuple[tuple[int, float], ...] = ()

    def score(self, items: np.ndarray) -> np.ndarray:
        """What is known."""
        return np.array([dict(self.scores).get(item, np.nan) for item in items.tolist()], np.float32)

    def best(self, among: np.ndarray, n: int) -> Slate:
        """The lowest indices."""
        return slate(np.flatnonzero(among)[:n].tolist(), source="backfill")
