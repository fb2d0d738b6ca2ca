"""The rerank stage over one catalogue: which items of a pool stand where."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.rerank.calibration import Miscalibration, history_shares, item_shares, pool_shares
from recsys.rerank.exploration import explore
from recsys.rerank.greedy import Criterion, Values, greedy, relevance
from recsys.rerank.mmr import Redundancy, similarities
from recsys.rerank.spec import Rerank
from recsys.types import FloatArray, IntArray, Query


@dataclass(frozen=True, eq=False)
class Pool:
    """What reranking knows of the candidates of one request, best first."""

    relevance: Values  # (pool,) 0..1
    similarity: FloatArray | None = None  # (pool, pool); None where nothing is known of the items
    shares: Values | None = None  # (pool, groups)
    target: Values | None = None  # (groups,) of the history; None where there is none

    def order(self, k: int, *, diversity: float, calibration: float) -> IntArray:
        """(pool,) places: the ``k`` shown under these weights, then the others as they were."""
        criteria: list[Criterion] = []
        if diversity > 0 and self.similarity is not None:
            criteria.append(Redundancy(self.similarity, diversity))
        if calibration > 0 and self.shares is not None and self.target is not None:
            criteria.append(Miscalibration(self.shares, self.target, calibration))
        return greedy(self.relevance, criteria, k)


@dataclass(frozen=True, eq=False)
class Reranker:
    """A ``Rerank`` with what it needs of the catalogue. Thread-safe; holds no user's data."""

    spec: Rerank
    vectors: FloatArray | None  # (items, d) content, zero rows where there is none; None where it is not needed
    shares: sp.csr_matrix | None  # (items, groups) of the calibrated field; None where it is not needed

    @classmethod
    def of(cls, spec: Rerank, catalogue: Catalogue, content: ContentSpace | None) -> "Reranker":
        """Diversity needs a content space, calibration its field: without them a list stays as it is."""
        vectors = np.asarray(content.vectors) if spec.diversity > 0 and content is not None else None
        shares = item_shares(catalogue, spec.calibration.field) if spec.calibration.weight > 0 else None
        return cls(spec, vectors, shares)

    def pool(self, scores: FloatArray, items: IntArray | sp.csr_matrix, query: Query) -> Pool:
        """The candidates of a query: ``scores`` (n,) and ``items`` (n,), best first.

        Items may also be rows over the catalogue (n, items), for those that are mixtures of others.
        """
        if self.shares is None:
            shares = target = None
        else:
            target = history_shares(self.shares, query)
            rows: sp.csr_matrix = _rows(items, self.shares)
            shares = None if target is None else pool_shares(rows.toarray())
        similarity = None if self.vectors is None else similarities(_rows(items, self.vectors))
        return Pool(relevance(scores), similarity, shares, target)

    def order(self, pool: Pool, k: int, rng: np.random.Generator | None = None) -> tuple[IntArray, Values]:
        """(pool,) places of the pool as they are shown; with ``rng`` explored, and the propensity of each."""
        order = pool.order(k, diversity=self.spec.diversity, calibration=self.spec.calibration.weight)
        return (order, np.zeros(0)) if rng is None else explore(order, pool.relevance, k, self.spec.exploration, rng)


def _rows(items: IntArray | sp.csr_matrix, table: FloatArray | sp.csr_matrix) -> FloatArray | sp.csr_matrix:
    return table[items] if isinstance(items, np.ndarray) else items @ table
