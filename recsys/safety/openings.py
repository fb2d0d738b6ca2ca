"""When rights open and close, by territory; each distinct right is asked once a territory."""

from collections.abc import Sequence

import numpy as np

from recsys.safety.columns import Rights
from recsys.types import BoolArray, TimeArray

Windows = tuple[tuple[float, float], ...]


class Openings:
    """What rights said, remembered for as long as the rights are in use. Safe to share between threads."""

    def __init__(self) -> None:
        # by identity: hashing a right may cost more than asking it; the value keeps it alive
        self._known: dict[tuple[int, str | None], tuple[Rights, Windows]] = {}

    def windows(self, right: Rights, territory: str | None) -> Windows:
        """[opens, closes) in s UTC in a territory; garbage among them opens nothing."""
        key = id(right), territory
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = right, tuple(right.windows(territory))
        return found[1]

    def open(self, right: Rights | None, territory: str | None, now: float) -> bool:
        """Whether an item may be shown there and then; without a right the catalogue alone decides."""
        return right is None or any(opens <= now < closes for opens, closes in self.windows(right, territory))

    def all_open(self, rights: Sequence[Rights | None], territory: str | None, now: float) -> BoolArray:
        """(rights,) whether each is open."""
        return np.array([self.open(right, territory, now) for right in rights], np.bool_)

    def turns(self, rights: Sequence[Rights | None], territory: str | None) -> TimeArray:
        """Sorted moments at which some right opens or closes in a territory."""
        given = [right for right in rights if right is not None]
        edges = [moment for right in given for window in self.windows(right, territory) for moment in window]
        moments = np.array(edges, np.float64)
        return np.unique(moments[np.isfinite(moments)])
