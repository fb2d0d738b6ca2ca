"""How much each part of a blend weighs: one scale for all parts' scores, and a choice among all shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recsys.dataset.data import Holdout
from recsys.models.parts import is_composed, ties
from recsys.models.recipe import FitContext, Model
from recsys.types import BoolArray, IntArray, Query

_PLACES = 20  # weights are chosen by NDCG at this many; by 10 a few hundred queries often name the wrong part
_QUERIES = 4000  # of the holdout, drawn by the seed where there are more: a mix leads by little, which has to show
_VECTORS = 300  # of shares that are tried at most
_FINEST = 20  # steps from a part without weight to that part alone
_BREADTH = 0.07  # share that changes hands within the neighbourhood by which a vector is judged
_EQUAL = 1e-6  # less NDCG than this is no difference
_PULL = 100.0  # queries by which a bucket's shares are drawn to the common ones
_TIE = 1e-12  # a candidate's index costs this much, so that equal scores rank by index
_FOLDS = 5  # of queries, by which a mix is measured on those that had no say in it
_CLEAR = 2.0  # standard errors by which a mix has to be better than the best part
_LEAST = 20  # queries: fewer say too little of either

Shares = NDArray[np.float64]


class Mix(Protocol):
    """What the search needs of a blend."""

    @property
    def parts(self) -> tuple[Model, ...]: ...

    def candidates(
        self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]
    ) -> list[IntArray]: ...

    def standards(self, query: Query, items: IntArray) -> NDArray[np.float64]: ...


@dataclass(frozen=True, eq=False)
class Chosen:
    """The shares that a holdout favours."""

    common: Shares  # (parts,) for all queries
    buckets: Shares  # (buckets, parts) by length of history


@dataclass(frozen=True, eq=False)
class _Board:
    """Standard scores of all candidates of the holdout's queries, padded to one width."""

    scores: NDArray[np.float64]  # (parts, queries, width), 0 where a part abstains
    spoken: BoolArray  # (parts, queries, width), False in the padding
    asker: IntArray  # (found,) query of each truth item that is among the candidates
    place: IntArray  # (found,) its place in the row
    ideal: NDArray[np.float64]  # (queries,) gain of a perfect list
    length: IntArray  # (queries,) events of the history

    def gains(self, weights: Shares) -> Shares:
        """(queries,) NDCG of the mix with these weights."""
        mixed = np.tensordot(weights, self.scores, 1) - _TIE * np.arange(self.scores.shape[2])
        mixed[~self.spoken[weights > 0].any(axis=0)] = -np.inf  # parts without weight propose nothing
        best = np.sort(np.partition(mixed, -_PLACES, axis=1)[:, -_PLACES:], axis=1)  # (queries, places)
        own = mixed[self.asker, self.place]
        rank = (best[self.asker] > own[:, None]).sum(axis=1)
        gain = np.where((rank < _PLACES) & np.isfinite(own), 1.0 / np.log2(rank + 2.0), 0.0)
        return np.asarray(np.bincount(self.asker, gain, len(self.ideal)) / self.ideal, np.float64)


def best_weights(mix: Mix, holdout: Holdout, lengths: Sequence[int], n_items: int, ctx: FitContext) -> Chosen:
    """Shares with good NDCG on ``holdout`` and all around them, for all queries and for each length of history.

    A bucket's shares are drawn to those of all by as much as its queries are few. The mix has to be better than the
    best part by two standard errors on queries that had no say in either: what is chosen among hundreds flatters
    itself. Else the parts have their ``_standing``. The parts are asked once; each vector of shares then costs one
    product and one partial sort.
    """
    with threadpool_limits(1, "blas"):  # one query at a time is too little for more threads
        board = _board(mix, holdout, n_items, ctx.rng())
    shares = lattice(len(mix.parts))
    tried = _Tried(board, shares, np.stack([board.gains(row) for row in shares], axis=1), lengths)
    everyone = np.ones(len(board.length), np.bool_)
    chosen = tried.mixed(everyone)
    metric = f"ndcg@{_PLACES}"
    ctx.report(0, {metric: float(board.gains(chosen.common).mean())})
    ctx.report(1, {metric: float(tried.made(chosen).mean())})
    lead = tried.lead(ctx.rng())
    if len(lead) and lead.mean() <= _CLEAR * lead.std() / np.sqrt(len(lead)):
        alone = [int(np.argmax(row)) for row in shares[: len(mix.parts)]]  # the part of each of the first vectors
        gains = tried.gains[:, np.argsort(alone)]  # (queries, parts)
        common = _standing(gains, np.array([is_composed(part.recipe) for part in mix.parts]))
        return Chosen(common, np.stack([common] * (len(lengths) + 1)))
    return chosen


def _standing(gains: Shares, learned: BoolArray) -> Shares:
    """(parts,) shares by the gains of each part alone (queries, parts), where ``learned`` (parts,) parts rank others.

    The best learned part is preferred to a simple one that is not better by a standard error, query by query: a simple
    one has chosen its settings on these very queries, and what was learned, on others. The best simple part that is as
    close gets the other half, because the two err in different places.
    """
    best = int(np.argmax(gains.mean(axis=0)))
    tied = np.array([ties(gains[:, best], gains[:, at]) for at in range(gains.shape[1])])
    kinds = [np.flatnonzero(kind) for kind in (learned, ~learned)]
    first = [int(own[np.argmax(gains[:, own].mean(axis=0))]) for own in kinds if len(own)]
    chosen = [at for at in first if tied[at]] if (tied & learned).any() else [best]
    shares = np.zeros(len(learned))
    shares[chosen] = 1.0 / len(chosen)
    return shares


@dataclass(frozen=True, eq=False)
class _Tried:
    """Every vector of shares on the queries of a board."""

    board: _Board
    shares: Shares  # (vectors, parts), each part alone first
    gains: Shares  # (queries, vectors)
    lengths: Sequence[int]

    @property
    def bucket(self) -> IntArray:
        """(queries,) by length of history."""
        return np.searchsorted(self.lengths, self.board.length, "right").astype(np.int32)

    def mixed(self, asked: BoolArray) -> Chosen:
        """What some queries (queries,) favour."""
        common = self.shares[_plateau(self.shares, self.gains[asked].mean(axis=0))]
        buckets = [self.bucket == at for at in range(len(self.lengths) + 1)]
        rows = [_drawn(self.board, self.shares, self.gains, common, own & asked) for own in buckets]
        return Chosen(common, np.stack(rows))

    def alone(self, asked: BoolArray) -> int:
        """The best part alone for some queries (queries,)."""
        return int(np.argmax(self.gains[asked][:, : self.shares.shape[1]].mean(axis=0)))

    def made(self, chosen: Chosen) -> Shares:
        """(queries,) NDCG of each query by the shares of its length."""
        each = np.stack([self.board.gains(row) for row in chosen.buckets])  # (buckets, queries)
        return np.asarray(each[self.bucket, np.arange(each.shape[1])], np.float64)

    def lead(self, rng: np.random.Generator) -> Shares:
        """(queries,) how far the mix of the other folds is before their best part; none where queries are too few."""
        fold = rng.permutation(len(self.board.length)) % _FOLDS
        found = np.zeros(len(fold) if len(fold) >= _LEAST else 0)
        for at in range(_FOLDS if len(found) else 0):
            rest, own = fold != at, fold == at
            found[own] = self.made(self.mixed(rest))[own] - self.gains[own, self.alone(rest)]
        return found


def lattice(parts: int) -> Shares:
    """(vectors, parts) all shares in equal steps, each part alone first and the most even mixes last.

    The steps are as fine as ``_VECTORS`` and ``_FINEST`` let them be.
    """
    steps = max([n for n in range(1, _FINEST + 1) if comb(n + parts - 1, parts - 1) <= _VECTORS], default=1)
    places = steps + parts - 1  # of steps and of the bars that part them
    bars = np.array(list(combinations(range(places), parts - 1)), np.int64).reshape(comb(places, parts - 1), parts - 1)
    fences = np.pad(bars, ((0, 0), (1, 1)), constant_values=((0, 0), (-1, places)))
    counts = np.diff(fences, axis=1) - 1  # what lies between two bars
    return np.asarray(counts[np.argsort(-counts.max(axis=1), kind="stable")] / steps, np.float64)


def _plateau(shares: Shares, quality: Shares) -> int:
    """The vector with the best quality (vectors,) of its neighbourhood; the first, and so simplest, of equals.

    Neighbours count by a normal curve over the share that would have to change hands: a lone peak is mostly luck.
    """
    apart = np.abs(shares[:, None] - shares[None]).sum(axis=2) / 2  # (vectors, vectors)
    near = np.exp(-0.5 * (apart / _BREADTH) ** 2)
    smooth = near @ quality / near.sum(axis=1)
    return int(np.flatnonzero(smooth >= smooth.max() - _EQUAL)[0])


def _drawn(board: _Board, shares: Shares, gains: Shares, common: Shares, mine: BoolArray) -> Shares:
    """(parts,) the shares of the bucket whose queries are ``mine`` (queries,), drawn to the common ones."""
    n = int(mine.sum())
    speak = board.spoken[:, mine].any(axis=(1, 2))  # (parts,)
    able = shares[:, ~speak].sum(axis=1) == 0
    if n == 0 or not able.any():
        return common
    best = shares[able][_plateau(shares[able], gains[mine][:, able].mean(axis=0))]
    return np.asarray((n * best + _PULL * common) / (n + _PULL), np.float64)


def _board(mix: Mix, holdout: Holdout, n_items: int, rng: np.random.Generator) -> _Board:
    few = min(len(holdout), _QUERIES)
    asked = np.sort(rng.choice(len(holdout), few, replace=False))
    queries, truth = [holdout.queries[q] for q in asked], [holdout.truth[q] for q in asked]
    exclude = [holdout.exclude[q] for q in asked]
    found = mix.candidates(queries, _PLACES, np.ones(n_items, np.bool_), exclude)
    width = max(_PLACES, *(len(items) for items in found))
    scores = np.full((len(mix.parts), few, width), -np.inf)
    for at, (query, items) in enumerate(zip(queries, found, strict=True)):
        scores[:, at, : len(items)] = mix.standards(query, items)
    spoken = np.isfinite(scores)
    asker, place = _where(truth, found)
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, _PLACES + 2)))
    size = np.array([min(max(len(items), 1), _PLACES) for items in truth])
    length = np.array([len(query) for query in queries], np.int32)
    return _Board(np.where(spoken, scores, 0.0), spoken, asker, place, ideal[size - 1], length)


def _where(truth: Sequence[IntArray], found: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """The query and the place in that query's ascending ``found`` of every truth item that is there."""
    askers, places = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for at, (wanted, items) in enumerate(zip(truth, found, strict=True)):
        place = np.flatnonzero(np.isin(items, wanted)).astype(np.int32)
        places.append(place)
        askers.append(np.full(len(place), at, np.int32))
    return np.concatenate(askers), np.concatenate(places)
