"""The frozen counts of ``session``: of items, and of what follows what."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.types import IntArray

Floats = NDArray[np.float64]

HALF_LIVES: Floats = np.array([2, 5, 10, 20, 40, 80, 240, 1440]) * 60.0  # s, of items
FOLLOW_LIVES: Floats = np.array([30, 240]) * 60.0  # s, of what follows
SHARE_AT = 4  # place in HALF_LIVES: what would be clicked anyway is judged by 40 minutes
CONTEXT = 3  # newest items of a session that speak
DOUBT = 20.0  # imagined clicks after an item that are like everyone's
LEAST_SHARE = 1e-5
FLOOR = 0.3  # clicks added before the logarithm
N_WEIGHTS = len(HALF_LIVES) + CONTEXT * len(FOLLOW_LIVES)


@dataclass(frozen=True, eq=False)
class Nexts:
    """What was clicked after one item, each count halved once per half-life between its time and ``at``."""

    items: IntArray  # (n,) ascending
    counts: Floats  # (n, follow lives) as of ``at``
    at: float


@dataclass(frozen=True, eq=False)
class Counts:
    """Clicks of the items that had any of late."""

    items: IntArray  # (m,) ascending
    clicks: Floats  # (m, half-lives) as of ``at``
    nexts: Mapping[int, Nexts]
    at: float  # s UTC: the newest event

    def shares(self) -> Floats:
        """(m,) of all clicks at ``SHARE_AT``."""
        own = self.clicks[:, SHARE_AT]
        return own / max(float(own.sum()), 1e-30) + LEAST_SHARE

    def base(self) -> Floats:
        """(m, half-lives) how much each is clicked."""
        return np.log(self.clicks + FLOOR)

    def lifts(self, item: int, share: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Places (n,) in ``items`` of what follows ``item``, and how far beyond its ``share`` it does (n, lives).

        log ((v + d p) / (d p)) for v clicks, share p and doubt d: nothing for what has not followed yet.
        """
        nexts = self.nexts.get(item)
        if nexts is None or not len(self.items):
            return np.zeros(0, np.intp), np.zeros((0, len(FOLLOW_LIVES)))
        place = np.minimum(np.searchsorted(self.items, nexts.items), len(self.items) - 1)
        known = self.items[place] == nexts.items
        faded = nexts.counts[known] * np.exp2(-max(self.at - nexts.at, 0.0) / FOLLOW_LIVES)
        place = place[known]
        return place, np.log1p(faded / (DOUBT * share[place])[:, None])
