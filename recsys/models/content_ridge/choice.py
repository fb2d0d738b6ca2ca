"""Choosing without a holdout of time: every item is set aside once, as a new one would come."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from recsys.metrics.accuracy import mean_ndcg, top_matrix
from recsys.models.content_ridge.closed import Relations, inverted
from recsys.models.content_ridge.likeness import described, likeness
from recsys.models.recipe import FitContext
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from recsys.models.content_ridge.recipe import ContentRidge

FOLDS = 5
_MOST = 2_500  # known items that are looked at
_ASKED = 500  # users a fold
_PLACES = 20
_LEAST = 10  # known items: with fewer there is nothing to set aside
_ROUNDS = 2

START = {"content_reg": 2.0, "pairs": 0.5, "own": 0.1, "everyone": 0.0, "popularity": 0.0}
# the share that a face begins with, 1 where it is not named
SHARES = {"genres": 2.0, "grams": 0.5, "years": 0.25, "fine_years": 0.1, "language": 0.25, "media_type": 0.25}
_FACTORS = (0.0, 0.25, 4.0)  # of a face's share
_REGS = (0.2, 0.4, 2.5, 5.0)  # multiples of content_reg
_PAIRS = (0.0, 0.5, 2.0)
_MIXED = {"own": (0.0, 0.1, 1.0), "everyone": (0.0, 1.0, 10.0, 100.0), "popularity": (0.0, 0.25)}


@dataclass(frozen=True, eq=False)
class Fold:
    """Some items set aside, and the histories of those who liked one, without them."""

    rest: IntArray  # places among the items looked at
    aside: IntArray
    said: FloatArray  # (asked + 1, rest) what histories, and last the mean history, say of the rest
    had: FloatArray  # (asked + 1, rest) the histories and the mean history
    truth: list[IntArray]  # places in ``aside``


@dataclass(frozen=True, eq=False)
class Trials:
    """Settings are compared by the NDCG of items set aside, the mean over the folds."""

    folds: list[Fold]
    faces: Mapping[str, sp.csr_matrix]  # (looked at, columns)
    count: FloatArray  # (looked at,)

    @classmethod
    def of(cls, relations: Relations, faces: Mapping[str, sp.csr_matrix], rng: np.random.Generator) -> "Trials":
        """``faces`` are of the known items; at most ``_MOST`` of them are looked at."""
        size = len(relations.count)
        looked = np.sort(rng.choice(size, min(_MOST, size), replace=False)).astype(np.int32)
        dealt = rng.permutation(len(looked)).astype(np.int32)
        folds = [_fold(relations, looked, np.sort(dealt[at::FOLDS]), rng) for at in range(FOLDS)]
        own = {name: rows[looked] for name, rows in faces.items()}
        return cls([fold for fold in folds if fold is not None], own, relations.count[looked])

    def best(self, recipe: "ContentRidge", mixed: Sequence[Mapping[str, float]]) -> tuple[float, "ContentRidge"]:
        """The best of ``mixed`` (own, everyone, popularity) beside the rest of ``recipe``; the first of equals."""
        quality = np.zeros(len(mixed))
        inverse = self._inverse(recipe)
        for fold in self.folds:
            quality += [self._ndcg(fold, scores) for scores in self._scores(fold, inverse, mixed)]
        at = int(np.argmax(quality))
        return float(quality[at]) / max(1, len(self.folds)), recipe.model_copy(update=dict(mixed[at]))

    def scores(self, recipe: "ContentRidge", fold: Fold, mixed: Sequence[Mapping[str, float]]) -> Iterator[FloatArray]:
        """(asked, aside) by each of ``mixed`` for the content of ``recipe``, learned from the rest of the items."""
        return self._scores(fold, self._inverse(recipe), mixed)

    def _inverse(self, recipe: "ContentRidge") -> FloatArray:
        """(looked at, looked at) of how like the items are, ``content_reg`` on its diagonal."""
        rows = described(self.faces, dict(recipe.shares or ()))
        return inverted(likeness(rows, rows, recipe.pairs or 0.0), recipe.content_reg or 1.0)

    def _scores(self, fold: Fold, inverse: FloatArray, mixed: Sequence[Mapping[str, float]]) -> Iterator[FloatArray]:
        # what is aside from the rest alone: blocks of the inverse of the whole, so that one inverse serves all folds
        given = -np.linalg.solve(inverse[np.ix_(fold.aside, fold.aside)], inverse[np.ix_(fold.aside, fold.rest)]).T
        done: dict[float, tuple[FloatArray, FloatArray]] = {}
        for one in mixed:
            power = one["popularity"]
            if power not in done:
                scaled = (self.count[fold.rest] ** -np.float32(power))[:, None] * given
                done[power] = fold.said @ scaled, fold.had @ scaled
            said, had = done[power]
            total = said + np.float32(one["own"]) * had
            yield total[:-1] + np.float32(one["everyone"]) * total[-1]

    def _ndcg(self, fold: Fold, scores: FloatArray) -> float:
        nothing = [np.zeros(0, np.int32)] * len(scores)
        lists = top_k(np.ascontiguousarray(scores), _PLACES, np.ones(len(fold.aside), np.bool_), nothing, "")
        return mean_ndcg(top_matrix(lists, _PLACES), fold.truth, _PLACES)


def chosen(
    recipe: "ContentRidge", relations: Relations, faces: Mapping[str, sp.csr_matrix], known: BoolArray, ctx: FitContext
) -> "ContentRidge":
    """``recipe`` with what it leaves open filled in: one setting after the other, while that ranks better, in time.

    ``faces`` are of all items, of which the ``known`` are tried. No face is left out that is all content of an item.
    """
    start: dict[str, Any] = {name: value for name, value in START.items() if getattr(recipe, name) is None}
    if recipe.shares is None:
        start["shares"] = tuple((name, SHARES.get(name, 1.0)) for name in faces)
    here = recipe.model_copy(update=start)
    if not start or len(relations.count) < _LEAST:
        return here
    ours = {name: rows[np.flatnonzero(known)] for name, rows in faces.items()}
    trials, mixed = Trials.of(relations, ours, ctx.rng()), _mixed(recipe)
    if not trials.folds:
        return here
    quality, here = trials.best(here, mixed)
    tried, shown = {_content(here)}, _shown(here, faces)
    for _ in range(_ROUNDS):
        for step in _steps(recipe, here):
            there = step(here)
            if ctx.late or _content(there) in tried:
                continue
            tried.add(_content(there))
            if _shown(there, faces) < shown:
                continue
            found, there = trials.best(there, mixed)
            if found > quality:
                quality, here = found, there
    return here


def _shown(recipe: "ContentRidge", faces: Mapping[str, sp.csr_matrix]) -> int:
    """How many items have content in a face that has a share."""
    has = [np.diff(faces[name].indptr) > 0 for name, share in recipe.shares or () if share and name in faces]
    return int(np.logical_or.reduce(has).sum()) if has else 0


def _content(recipe: "ContentRidge") -> tuple[object, ...]:
    return recipe.content_reg, recipe.pairs, recipe.shares


def _steps(recipe: "ContentRidge", here: "ContentRidge") -> Iterator["_Step"]:
    if recipe.content_reg is None:
        yield from (_Step("content_reg", "", factor) for factor in _REGS)
    if recipe.pairs is None:
        yield from (_Step("pairs", "", value) for value in _PAIRS)
    if recipe.shares is None and len(here.shares or ()) > 1:
        yield from (_Step("shares", name, factor) for name, _ in here.shares or () for factor in _FACTORS)


@dataclass(frozen=True)
class _Step:
    """One change of one setting."""

    field: str
    face: str
    value: float

    def __call__(self, here: "ContentRidge") -> "ContentRidge":
        if self.field == "shares":
            shares = tuple(
                (name, self._share(share) if name == self.face else share) for name, share in here.shares or ()
            )
            return here.model_copy(update={"shares": shares})
        value = self.value * (here.content_reg or 1.0) if self.field == "content_reg" else self.value
        return here.model_copy(update={self.field: value})

    def _share(self, share: float) -> float:
        return share * self.value if share else SHARES.get(self.face, 1.0)  # one that was left out may come back


def _mixed(recipe: "ContentRidge") -> list[dict[str, float]]:
    values = [_MIXED[name] if getattr(recipe, name) is None else (getattr(recipe, name),) for name in _MIXED]
    return [dict(zip(_MIXED, one, strict=True)) for one in product(*values)]


def _fold(relations: Relations, looked: IntArray, aside: IntArray, rng: np.random.Generator) -> Fold | None:
    """None where nobody liked an item aside and another."""
    rest = np.setdiff1d(np.arange(len(looked), dtype=np.int32), aside)
    liked, others = relations.events[:, looked[aside]], np.setdiff1d(np.arange(len(relations.count)), looked[aside])
    able = np.flatnonzero((np.diff(liked.indptr) > 0) & (np.diff(relations.events[:, others].indptr) > 0))
    if len(able) == 0:
        return None
    asked = np.sort(rng.choice(able, min(_ASKED, len(able)), replace=False))
    mean = sp.csr_matrix(relations.mean[others][None])
    histories = sp.vstack([relations.events[asked][:, others], mean], "csr")  # (asked + 1, others)
    truth = [np.sort(row.indices).astype(np.int32) for row in liked[asked]]
    place = np.searchsorted(others, looked[rest])
    said = np.asarray(histories @ relations.weights[np.ix_(others, looked[rest])], np.float32)
    return Fold(rest, aside, said, np.asarray(histories[:, place].toarray(), np.float32), truth)
