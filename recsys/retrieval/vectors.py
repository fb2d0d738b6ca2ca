"""Item vectors to be searched: the one interface of models whose score is an inner product."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from recsys.retrieval.exact import dot_scores, slack_of, top_vectors
from recsys.retrieval.lead import Lead
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

_LARGE = 1 << 21  # numbers in all vectors: fewer are read faster than anything clever is worked out
_FEW = 2_048  # allowed items that are better scored one by one
_FILE, _BASIS = "lead.npy", "lead_basis.npy"


class ItemVectors:
    """Vectors (items, d) and biases (items,) of one model. Frozen but for what is worked out on first use.

    Lists are exact, and bitwise the same alone and in any batch, whatever finds them.
    """

    def __init__(self, items: FloatArray, bias: FloatArray | None = None) -> None:
        self.items = items
        self.bias = bias

    def top(
        self,
        queries: FloatArray,
        n: int,
        allowed: BoolArray,
        exclude: Sequence[IntArray],
        source: str,
        extra: FloatArray | None = None,
    ) -> list[Ranked]:
        """The best ``n`` allowed items of each query (q, d) by inner product and bias, without its sorted ``exclude``.

        ``extra`` (q, items) is added to the scores in place of the bias.
        """
        bias = self.bias if extra is None else extra
        if self.lead is None or n < 1 or len(queries) == 0 or np.count_nonzero(allowed) < max(_FEW, 4 * n):
            return top_vectors(queries, self.items, n, allowed, exclude, source, bias, longest=self._longest)
        slack = slack_of(queries, self.items, bias, self._longest)  # (q,)
        return self.lead.top(queries, n, allowed, exclude, source, items=self.items, bias=bias, slack=slack)

    def score(self, queries: FloatArray, items: IntArray) -> FloatArray:
        """(q, items) the scores that ``top`` returns; for some hundreds of items, not for a whole catalogue."""
        return dot_scores(queries, self.items[items], None if self.bias is None else self.bias[items])

    @cached_property
    def lead(self) -> Lead | None:
        """Bounds of the scores; None where they would not pay."""
        return Lead.of(self.items) if self.items.size >= _LARGE else None

    def save(self, folder: Path) -> None:
        """Write what is worked out into a model's folder, so that the processes that map it share it."""
        if self.lead is not None:
            np.save(folder / _FILE, self.lead.rows, allow_pickle=False)
            np.save(folder / _BASIS, self.lead.basis, allow_pickle=False)

    def map(self, folder: Path) -> None:
        """Map what ``save`` wrote; a folder without it costs the memory of working it out again."""
        if (folder / _FILE).is_file() and (folder / _BASIS).is_file():
            rows, basis = (np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in (_FILE, _BASIS))
            self.__dict__["lead"] = Lead(np.asarray(rows), np.asarray(basis))

    @cached_property
    def _longest(self) -> float:
        """An upper bound of the norms of the vectors."""
        return float(np.sqrt(np.einsum("ij,ij->i", self.items, self.items).max(initial=0.0))) * 1.0001
