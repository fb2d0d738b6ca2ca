"""A model whose lists come reranked, so that an evaluation measures what is served."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.models.recipe import Model, Recipe
from recsys.rerank.spec import Rerank
from recsys.rerank.stage import Reranker
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked


def reranked(model: Model, rerank: Rerank, catalogue: Catalogue, content: ContentSpace | None) -> Model:
    """``model`` with diversity and calibration on its lists; itself where ``rerank`` has neither.

    Exploration is left out: it is there to learn from, and what it costs is up to its draws.
    """
    if not rerank.reorders:
        return model
    return RerankedModel(model, Reranker.of(rerank, catalogue, content))


@dataclass(frozen=True, eq=False)
class RerankedModel:
    """A model and what is done to its lists. It is saved as the model alone; a bundle keeps its ``Rerank`` itself."""

    model: Model
    reranker: Reranker

    @property
    def recipe(self) -> Recipe:
        return self.model.recipe

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The first ``n`` of each reranked list; scores stay with their places."""
        lists = self.model.top(queries, self.reranker.spec.width(n), allowed, exclude)
        return [self._reranked(query, ranked, n) for query, ranked in zip(queries, lists, strict=True)]

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        """The model's own scores: a place depends on the whole list."""
        return self.model.score(queries, items)

    def save(self, folder: Path) -> None:
        self.model.save(folder)

    def _reranked(self, query: Query, ranked: Ranked, n: int) -> Ranked:
        pool = self.reranker.pool(ranked.scores, ranked.items, query)
        order, _ = self.reranker.order(pool, n)
        return Ranked(ranked.items[order[:n]], ranked.scores[:n], ranked.source)
