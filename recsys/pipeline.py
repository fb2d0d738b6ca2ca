"""Sources tried in order until a list is full, over the catalogue of a bundle and the items that came after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.models.recipe import Model
from recsys.rerank import Rerank
from recsys.rerank.greedy import Values
from recsys.rerank.stage import Reranker
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked, Slate

BACKFILL = "backfill"
CONTENT = "content"
NEVER = np.float32(-np.inf)


@dataclass(frozen=True, eq=False)
class Overlay:
    """Items upserted after the bundle: their ids go on after the catalogue's.

    A new item's score is the weighted mean of a model's scores of the known items nearest to it in content, so that
    every model can rank it, at its own scale, without retraining.
    """

    neighbours: IntArray  # (new items, k) indices in the catalogue
    weights: FloatArray  # (new items, k) rows sum to 1, or to 0 where nothing is near
    known: IntArray = field(init=False)  # (known,) the neighbours, each once
    mix: sp.csr_matrix = field(init=False)  # (known, new items)

    def __post_init__(self) -> None:
        known, place = np.unique(self.neighbours, return_inverse=True)
        new = np.repeat(np.arange(len(self.weights)), self.weights.shape[1])
        shape = (len(known), len(self.weights))
        mix = sp.csr_matrix((self.weights.ravel(), (place.ravel(), new)), shape=shape, dtype=np.float32)
        mix.eliminate_zeros()
        object.__setattr__(self, "known", known.astype(np.int32))
        object.__setattr__(self, "mix", mix)

    def __len__(self) -> int:
        return len(self.weights)

    def score(self, model: Model, queries: Sequence[Query]) -> FloatArray:
        """(queries, new items): -inf where the model abstains on every neighbour."""
        if not len(self):
            return np.zeros((len(queries), 0), np.float32)
        scores = model.score(queries, self.known)  # (queries, known)
        spoken = np.isfinite(scores)
        total = np.where(spoken, scores, 0) @ self.mix
        weight = spoken.astype(np.float32) @ self.mix
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.asarray(total / weight, np.float32)
        return np.where(weight > 0, mean, NEVER)

    def mixture(self, items: IntArray, size: int) -> sp.csr_matrix:
        """(items, size) rows over a catalogue of ``size``: a known item is itself, a new one its neighbours."""
        new = np.flatnonzero(items >= size)
        old = np.flatnonzero(items < size)
        near, weights = self.neighbours[items[new] - size], self.weights[items[new] - size]  # (new, k)
        row = np.concatenate([old, np.repeat(new, near.shape[1])])
        column = np.concatenate([items[old], near.ravel()])
        value = np.concatenate([np.ones(len(old), np.float32), weights.ravel()])
        return sp.csr_matrix((value, (row, column)), shape=(len(items), size))


@cache
def no_overlay() -> Overlay:
    """The overlay of a bundle to which nothing was added."""
    return Overlay(np.zeros((0, 1), np.int32), np.zeros((0, 1), np.float32))


@dataclass(frozen=True, eq=False)
class Pipeline:
    """What a bundle recommends with. ``sources`` are tried in order; the rest of the allowed items backfill."""

    catalogue: Catalogue
    sources: tuple[Model, ...]
    content: ContentSpace | None = None
    rerank: Rerank = field(default_factory=Rerank)

    def candidates(
        self,
        queries: Sequence[Query],
        n: int,
        allowed: BoolArray,
        exclude: Sequence[IntArray],
        overlay: Overlay | None = None,
        failed: Callable[[str, Exception], None] | None = None,
        *,
        reserve: Callable[[], IntArray] | None = None,
    ) -> list[Slate]:
        """``n`` items a query among ``allowed`` (catalogue + overlay,) without its sorted ``exclude``.

        A slate is shorter than ``n`` only where fewer items are allowed. Every item names its source. With ``failed``
        a source that raises is reported there by name and passed over. ``reserve`` gives the allowed items in the order
        in which they backfill, and is asked only where the sources run out; without it that is the index order.
        """
        extra = no_overlay() if overlay is None else overlay
        drafts = [_Draft() for _ in queries]
        for model in self.sources:
            short = [q for q, draft in enumerate(drafts) if len(draft) < n]
            if not short:
                break
            taken = [drafts[q].without(exclude[q]) for q in short]
            asked = [queries[q] for q in short]
            try:
                proposals = _proposals(model, asked, n, allowed, taken, extra)
            except Exception as error:
                if failed is None:
                    raise
                failed(model.recipe.name, error)
                continue
            for q, items, scores in proposals:
                drafts[short[q]].add(items, scores, _named(model, items, len(self.catalogue)), n)
        for q, draft in enumerate(drafts):
            if len(draft) < n:
                draft.backfill(allowed, exclude[q], n, np.flatnonzero(allowed) if reserve is None else reserve())
        return [draft.slate() for draft in drafts]

    def reranked(
        self,
        slate: Slate,
        query: Query,
        k: int,
        overlay: Overlay | None = None,
        seed: int | None = None,
    ) -> tuple[Slate, Values]:
        """The slate with its best candidates in another order, and propensities (candidates,) of its first places.

        The scores stay where they are: from here on a score says how high a place is, not what its item is worth.
        Without ``seed`` nothing is explored and there are no propensities. Where nothing is reranked the slate itself
        comes back.
        """
        explores = seed is not None and self.rerank.exploration.active
        if not explores and not self.rerank.reorders:
            return slate, np.zeros(0)
        rng = np.random.default_rng(seed) if explores else None
        width = self.rerank.width(k)
        items: IntArray | sp.csr_matrix = slate.items[:width]
        if overlay is not None and (slate.items[:width] >= len(self.catalogue)).any():
            items = overlay.mixture(slate.items[:width], len(self.catalogue))
        pool = self.reranker.pool(slate.scores[:width], items, query)
        order, propensities = self.reranker.order(pool, k, rng)
        return _permuted(slate, order), propensities

    @cached_property
    def reranker(self) -> Reranker:
        """The rerank stage over this catalogue."""
        return Reranker.of(self.rerank, self.catalogue, self.content)

    def score(self, queries: Sequence[Query], items: IntArray, overlay: Overlay | None = None) -> FloatArray:
        """(queries, items) scores of the first source; -inf where it abstains."""
        extra = no_overlay() if overlay is None else overlay
        size = len(self.catalogue)
        known = items < size
        scores = np.full((len(queries), len(items)), NEVER, np.float32)
        if self.sources and (known.all() or getattr(self.sources[0], "spans_overlay", False)):
            return self.sources[0].score(queries, items)
        if self.sources and known.any():
            scores[:, known] = self.sources[0].score(queries, items[known])
        if self.sources and not known.all():
            scores[:, ~known] = extra.score(self.sources[0], queries)[:, items[~known] - size]
        return scores


def _proposals(
    model: Model,
    queries: Sequence[Query],
    n: int,
    allowed: BoolArray,
    exclude: Sequence[IntArray],
    overlay: Overlay,
) -> list[tuple[int, IntArray, FloatArray]]:
    """One model's best ``n`` of catalogue and overlay together, a row for each query."""
    size = len(allowed) - len(overlay)
    if getattr(model, "spans_overlay", False):  # it has counted the new items itself
        rows = model.top(queries, n, allowed, exclude)
        return [(q, row.items, row.scores) for q, row in enumerate(rows)]
    if not len(overlay):
        return [(q, row.items, row.scores) for q, row in enumerate(model.top(queries, n, allowed, exclude))]
    ranked = model.top(queries, n, allowed[:size], [items[items < size] for items in exclude])
    new = overlay.score(model, queries)  # (queries, new items)
    new[:, ~allowed[size:]] = NEVER
    merged = []
    for q, row in enumerate(ranked):
        gone = exclude[q][exclude[q] >= size] - size
        new[q, gone] = NEVER
        merged.append((q, *_merged(row, new[q], size, n)))
    return merged


def _named(model: Model, items: IntArray, size: int) -> list[str]:
    """Who proposes each item: the model, or for a new item its content."""
    name = model.recipe.name
    if not len(items) or items.max() < size or getattr(model, "spans_overlay", False):
        return [name] * len(items)
    return [name if item < size else CONTENT for item in items.tolist()]


def _merged(row: Ranked, new: FloatArray, size: int, n: int) -> tuple[IntArray, FloatArray]:
    fresh = np.flatnonzero(np.isfinite(new))
    items = np.concatenate([row.items, (fresh + size).astype(np.int32)])
    scores = np.concatenate([row.scores, new[fresh]])
    best = np.argsort(-scores, kind="stable")[:n]
    return items[best], scores[best]


def _permuted(slate: Slate, order: IntArray) -> Slate:
    """The first ``order`` (m,) items in another order, each with its source and override; scores keep their places."""
    places = [*order.tolist(), *range(len(order), len(slate))]
    return Slate(
        slate.items[places],
        slate.scores,
        tuple(slate.sources[place] for place in places),
        tuple(slate.overrides[place] for place in places),
    )


class _Draft:
    """A slate in the making: one list of items from several sources, scores never rising."""

    def __init__(self) -> None:
        self._items: list[IntArray] = []
        self._scores: list[FloatArray] = []
        self._sources: list[str] = []

    def __len__(self) -> int:
        return len(self._sources)

    def without(self, exclude: IntArray) -> IntArray:
        """What the next source must not propose."""
        return np.unique(np.concatenate([exclude, *self._items])).astype(np.int32) if self._items else exclude

    def add(self, items: IntArray, scores: FloatArray, sources: list[str], n: int) -> None:
        room = n - len(self)
        if not len(items[:room]):
            return
        self._scores.append(self._below(scores[:room]))
        self._items.append(items[:room])
        self._sources += sources[:room]

    def _below(self, scores: FloatArray) -> FloatArray:
        """Scores of another source are not comparable: they go on below the last one, over the same spread."""
        if not self._scores:
            return scores.astype(np.float32)
        first, last = self._scores[0][0], self._scores[-1][-1]
        span = scores[0] - scores[-1]
        fall = (scores[0] - scores) / span if span > 0 else np.arange(len(scores)) / len(scores)
        below: FloatArray = (last - np.maximum(first - last, 1.0) * fall).astype(np.float32)
        return below

    def backfill(self, allowed: BoolArray, exclude: IntArray, n: int, order: NDArray[np.integer]) -> None:
        rest = allowed.copy()
        rest[self.without(exclude)] = False
        items = order[rest[order]][: n - len(self)].astype(np.int32)
        self.add(items, -np.arange(len(items), dtype=np.float32), [BACKFILL] * len(items), n)

    def slate(self) -> Slate:
        items = np.concatenate(self._items) if self._items else np.zeros(0, np.int32)
        scores = np.concatenate(self._scores) if self._scores else np.zeros(0, np.float32)
        return Slate(items, scores, tuple(self._sources), (None,) * len(items))
