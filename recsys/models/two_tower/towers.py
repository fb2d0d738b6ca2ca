"""The forward pass in torch, on plain tensors: an item's vector from id and content, a query's from its history."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional

from recsys.models.two_tower.recency import STEPS
from recsys.nn.packing import Bags

Tables = Mapping[str, Tensor]
BY_ITEM = ("item_in", "item_out", "item_bias")  # tables with a row an item; the others are used whole


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """Sparse rows (items, features), packed."""

    features: Tensor  # (entries,) int64
    offsets: Tensor  # (items,) int64
    weight: Tensor  # (entries,) float32

    @classmethod
    def of(cls, rows: sp.csr_matrix, device: str) -> "Content":
        """Pack a scipy matrix."""
        parts = (rows.indices.astype(np.int64), rows.indptr[:-1].astype(np.int64), rows.data.astype(np.float32))
        return cls(*(torch.from_numpy(part).to(device) for part in parts))

    def sums(self, table: Tensor) -> Tensor:
        """(items, d) weighted sums of the rows of ``table`` (features, d)."""
        if len(self.features) == 0:
            return table.new_zeros((len(self.offsets), table.shape[1]))
        return functional.embedding_bag(self.features, table, self.offsets, mode="sum", per_sample_weights=self.weight)


def new_tables(
    shape: tuple[int, int, int], factors: int, known: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    """Small random tables for ``shape`` = (items, features, profile tokens).

    An item that is not ``known`` (items,) by any event has zero rows, so that its content alone speaks for it.
    """
    items, features, tokens = shape

    def normal(rows: int) -> Tensor:
        return torch.randn((rows, factors), generator=generator) * 0.05

    return {
        "item_in": normal(items) * known[:, None],
        "item_out": normal(items) * known[:, None],
        "item_bias": torch.zeros((items, 1)),
        "feature_in": normal(features),
        "feature_out": normal(features),
        "feature_bias": torch.zeros((features, 1)),
        "token": normal(tokens + 1),  # the last row is every query's
        "recency": torch.zeros((STEPS, 1)),
    }


def item_inputs(tables: Tables, content: Content) -> Tensor:
    """(items, d) what an item in a history adds to the query."""
    return tables["item_in"] + content.sums(tables["feature_in"])


def item_outputs(tables: Tables, content: Content, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Vectors (items, d) and biases (items,) of what can be recommended; ``keep`` (items, 1) blanks ids by 0."""
    ids, bias = tables["item_out"], tables["item_bias"]
    if keep is not None:
        ids, bias = ids * keep, bias * keep
    vectors = ids + content.sums(tables["feature_out"])
    return vectors, (bias + content.sums(tables["feature_bias"]))[:, 0]


def queries(tables: Tables, inputs: Tensor, history: Bags, steps: Tensor, profile: tuple[Tensor, Tensor]) -> Tensor:
    """(rows, d): the weighted ``inputs`` (items, d) of a history over the root of their squared weights, plus profile.

    ``steps`` (max_history,) gives the recency step of a place; ``profile`` are packed tokens and offsets (rows,).
    """
    weight = history.weight * torch.exp(tables["recency"][steps[history.place], 0])
    tokens, offsets = profile
    vectors = functional.embedding_bag(tokens, tables["token"], offsets, mode="sum")
    if len(history.items) == 0:
        return vectors
    total = functional.embedding_bag(history.items, inputs, history.offsets, mode="sum", per_sample_weights=weight)
    norm = torch.zeros(history.rows, device=weight.device).index_add(0, history.row, weight * weight)
    return vectors + total / torch.sqrt(norm.clamp_min(1e-12))[:, None]
