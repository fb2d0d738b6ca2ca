"""One ranking for many queries: how it is listed, and how good it is on a holdout."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsys.metrics.accuracy import flat
from recsys.models.loops import best
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

TRACE = 1e-30  # added for each event, so that what has decayed to nothing still ranks by its count
BY_THE_HOUR = 1.0  # days: below it works come and go while a model is served
CLEAR = 2.0  # standard errors
ENOUGH = 30  # queries: fewer have no standard error to speak of
_PLACES = 10  # quality is NDCG at this many


def same_for_all(
    ranking: FloatArray, n: int, allowed: BoolArray, exclude: Sequence[IntArray], source: str
) -> list[Ranked]:
    """The best ``n`` allowed items by ``ranking`` (items,) without each ``exclude``; -inf is never returned."""
    longest = max((len(hidden) for hidden in exclude), default=0)
    everyone, scores = best(ranking, n + longest if n > 0 else 0, allowed, np.zeros(0, np.int32))
    lists = []
    left = np.ones(len(ranking), np.bool_)
    for hidden in exclude:
        own = hidden[hidden < len(ranking)]
        left[own] = False
        keep = np.flatnonzero(left[everyone])[:n]
        left[own] = True
        lists.append(Ranked(everyone[keep], scores[keep], source))
    return lists


def best_half_life(half_lives: Sequence[float], gains: NDArray[np.float64]) -> float:
    """The best by its mean of gains (half-lives, queries); by the hour, the shortest not clearly worse.

    Half-lives are in days, the longest first: of equals it forgets the least. Where works come and go within a day, the
    hour that is asked about has works that the holdout had none of: a half-life that is too short then costs little,
    and one that is too long misses what is new.
    """
    best = int(np.argmax(gains.mean(axis=1)))
    if half_lives[best] >= BY_THE_HOUR or gains.shape[1] < ENOUGH:
        return half_lives[best]
    behind = gains[best] - gains
    close = behind.mean(axis=1) <= CLEAR * behind.std(axis=1) / np.sqrt(gains.shape[1])
    return half_lives[int(np.flatnonzero(close)[-1])]


@dataclass(frozen=True, eq=False)
class Asked:
    """What the queries of a holdout want and hide, one behind the other, so that many rankings are judged quickly."""

    truth: IntArray  # (wanted,)
    n_truth: IntArray  # (queries,)
    hidden: IntArray  # (hidden,)
    n_hidden: IntArray  # (queries,)

    @classmethod
    def of(cls, truth: Sequence[IntArray], exclude: Sequence[IntArray]) -> "Asked":
        """Of aligned lists, one a query."""
        return cls(*flat(truth), *flat(exclude))

    def __len__(self) -> int:
        return len(self.n_truth)

    def gains(self, scores: FloatArray) -> NDArray[np.float64]:
        """(queries,) NDCG at 10 of one ranking (items,) for all; what scores 0 or less is not listed.

        A truth item's place is its rank less the hidden items before it.
        """
        place = np.empty(len(scores), np.int64)
        place[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
        asker = np.repeat(np.arange(len(self)), self.n_truth)
        owner = np.repeat(np.arange(len(self)), self.n_hidden)
        wanted, gone = place[self.truth], place[self.hidden]
        # what stands too low to be listed, whatever is hidden, and what is hidden below it need no sorting
        near = wanted < _PLACES + self.n_hidden[asker]
        asker, wanted = asker[near], wanted[near]
        above = gone < wanted.max(initial=0)
        ahead = np.sort(owner[above] * len(scores) + gone[above])
        own = asker * len(scores)
        rank = wanted - (np.searchsorted(ahead, own + wanted) - np.searchsorted(ahead, own))  # 0 is the best
        listed = (rank < _PLACES) & (scores[self.truth[near]] > 0)
        total = np.bincount(asker, np.where(listed, 1.0 / np.log2(rank + 2.0), 0.0), len(self))
        ideal: NDArray[np.float64] = np.cumsum(1.0 / np.log2(np.arange(2, _PLACES + 2)))
        return np.asarray(total / ideal[np.minimum(np.maximum(self.n_truth, 1), _PLACES) - 1], np.float64)
