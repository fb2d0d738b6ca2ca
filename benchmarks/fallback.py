"""Lists of peers: an item or a user that a peer cannot serve falls to one popular list, the same for every peer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.dataset.data import Dataset, Holdout
from recsys.metrics import hits, ndcg, top_matrix
from recsys.models.one_ranking import same_for_all
from recsys.models.popular import decayed_counts
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

Scores = Callable[[IntArray], FloatArray]  # users (n,) -> (n, items)

K = 20
CHUNK = 512  # queries asked at once


@dataclass(frozen=True)
class Popular:
    """How popularity is counted: decayed by age, of liked events or of all."""

    half_life_days: float
    liked: bool = True

    def ranking(self, data: Dataset) -> FloatArray:
        """(items,) scores, -inf where an item was never counted."""
        counted = data if self.liked else replace(data, positive=np.ones(data.n_events, np.bool_))
        scores = decayed_counts(counted, self.half_life_days)
        return np.where(scores > 0, scores, -np.inf).astype(np.float32)


def popular_lists(ranking: FloatArray, holdout: Holdout, n: int = K) -> list[IntArray]:
    """The best ``n`` of one ranking for every query, what it excludes left out."""
    everything = np.ones(len(ranking), np.bool_)
    return [ranked.items for ranked in same_for_all(ranking, n, everything, holdout.exclude, "popular")]


def peer_lists(
    scores: Scores, known: tuple[BoolArray, BoolArray], ranking: FloatArray, holdout: Holdout
) -> list[IntArray]:
    """The lists of a peer, K items long: the known items it scores, best first, then the popular ones.

    ``known`` are the users and the items that it was fitted on; to anybody else it has nothing to say.
    """
    users, items = known
    lists = popular_lists(ranking, holdout, 2 * K)  # enough of them, whatever the peer has listed before
    served = np.flatnonzero(users[holdout.users]).astype(np.int32)
    for part in _chunks(served):
        hidden = [holdout.exclude[at] for at in part.tolist()]
        found = top_k(scores(holdout.users[part]), K, items, hidden, "peer")
        for at, ranked in zip(part.tolist(), found, strict=True):
            rest = lists[at][~np.isin(lists[at], ranked.items)]
            lists[at] = np.concatenate([ranked.items, rest])
    return [items[:K] for items in lists]


def gains(lists: Sequence[IntArray], holdout: Holdout) -> FloatArray:
    """(queries,) NDCG at K."""
    ranked = [Ranked(items, np.zeros(len(items), np.float32), "") for items in lists]
    n_truth = np.fromiter((len(truth) for truth in holdout.truth), np.int32, len(holdout))
    return np.asarray(ndcg(hits(top_matrix(ranked, K), holdout.truth), n_truth, K), np.float32)


def _chunks(places: IntArray) -> Iterator[IntArray]:
    return (places[start : start + CHUNK] for start in range(0, len(places), CHUNK))
