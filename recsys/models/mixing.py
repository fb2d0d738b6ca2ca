"""How much each part of a blend weighs: one scale for all parts' scores, and a search over their shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.data import Holdout
from recsys.models.recipe import FitContext, Model
from recsys.types import BoolArray, IntArray, Query

_PLACES = 10  # weights are chosen by NDCG at this many
_QUERIES = 2000  # of the holdout, drawn by the seed where there are more
_DRAWS = 64  # random weight vectors per part
_NEAR = 48  # vectors tried around the best in each round of refinement
_STEPS = (0.3, 0.1)  # how far each round moves from the best towards a random vector
_TIE = 1e-12  # a candidate's index costs this much, so that equal scores rank by index


class Mix(Protocol):
    """What the search needs of a blend."""

    @property
    def parts(self) -> tuple[Model, ...]: ...

    def candidates(
        self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]
    ) -> list[IntArray]: ...

    def standards(self, query: Query, items: IntArray) -> NDArray[np.float64]: ...


def standard(part: Model, query: Query, items: IntArray, reference: IntArray) -> NDArray[np.float64]:
    """(items,) a part's scores less their mean over ``reference``, in standard deviations; -inf where it abstains.

    Raw scores, where it abstains from the whole reference; nothing is clipped, so a part alone keeps its order.
    """
    scores = part.score([query], np.concatenate([reference, items]))[0].astype(np.float64)
    own = scores[len(reference) :]
    known = scores[: len(reference)]
    known = known[np.isfinite(known)]
    centre, spread = (known.mean(), known.std()) if len(known) else (0.0, 1.0)
    standardised = (own - centre) / (spread if spread > 0 else 1.0)
    return np.where(np.isfinite(own), standardised, -np.inf)


def best_weights(mix: Mix, holdout: Holdout, n_items: int, ctx: FitContext) -> tuple[float, ...]:
    """The shares with the best NDCG on ``holdout`` among each part alone, equal shares and seeded random ones.

    The parts are asked once; each vector of shares then costs one product and one partial sort.
    """
    rng = ctx.rng()
    n = len(mix.parts)
    board = _board(mix, holdout, n_items, rng)
    # the first of equals wins: a part alone comes before any mix
    best = np.array(max([*np.eye(n), np.full(n, 1 / n), *rng.dirichlet(np.ones(n), _DRAWS * n)], key=board.ndcg))
    ctx.report(0, {"ndcg@10": board.ndcg(best)})
    for step, reach in enumerate(_STEPS, start=1):
        near = (1 - reach) * best + reach * rng.dirichlet(np.ones(n), _NEAR)
        best = np.array(max([best, *near], key=board.ndcg))
        ctx.report(step, {"ndcg@10": board.ndcg(best)})
    return tuple(best.tolist())


@dataclass(frozen=True, eq=False)
class _Board:
    """Standard scores of all candidates of the holdout's queries, padded to one width."""

    scores: NDArray[np.float64]  # (parts, queries, width), 0 where a part abstains
    spoken: BoolArray  # (parts, queries, width), False in the padding
    asker: IntArray  # (found,) query of each truth item that is among the candidates
    place: IntArray  # (found,) its place in the row
    ideal: NDArray[np.float64]  # (queries,) gain of a perfect list

    def ndcg(self, weights: NDArray[np.float64]) -> float:
        """Mean NDCG of the mix with these weights."""
        mixed = np.tensordot(weights, self.scores, 1) - _TIE * np.arange(self.scores.shape[2])
        mixed[~self.spoken[weights > 0].any(axis=0)] = -np.inf  # parts without weight propose nothing
        best = np.sort(np.partition(mixed, -_PLACES, axis=1)[:, -_PLACES:], axis=1)  # (queries, places)
        own = mixed[self.asker, self.place]
        rank = (best[self.asker] > own[:, None]).sum(axis=1)
        gain = np.where((rank < _PLACES) & np.isfinite(own), 1.0 / np.log2(rank + 2.0), 0.0)
        return float((np.bincount(self.asker, gain, len(self.ideal)) / self.ideal).mean())


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
    return _Board(np.where(spoken, scores, 0.0), spoken, asker, place, ideal[size - 1])


def _where(truth: Sequence[IntArray], found: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """The query and the place in that query's ascending ``found`` of every truth item that is there."""
    askers, places = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for at, (wanted, items) in enumerate(zip(truth, found, strict=True)):
        place = np.flatnonzero(np.isin(items, wanted)).astype(np.int32)
        places.append(place)
        askers.append(np.full(len(place), at, np.int32))
    return np.concatenate(askers), np.concatenate(places)
