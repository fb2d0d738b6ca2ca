"""The forward pass in torch, on plain tensors: an item's vectors from id and content, a query's from its history."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from recsys.models.two_tower.recency import STEPS
from recsys.nn.packing import Bags
from recsys.nn.sparse import SparseRows

Tables = Mapping[str, Tensor]
BY_ITEM = ("item_in", "item_out", "item_bias")  # tables with a row an item; the others are used whole
_SPREAD = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """Both roles of the items: what one in the history adds to a query, and what is recommended."""

    inputs: Tensor  # (items, d)
    vectors: Tensor  # (items, d)
    bias: Tensor  # (items,)


def new_tables(
    shape: tuple[int, int, int], factors: int, known: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    """Small random tables for ``shape`` = (items, features, profile tokens).

    An item that is not ``known`` (items,) by any event has zero rows, so that its content alone speaks for it.
    """
    items, features, tokens = shape

    def normal(rows: int, columns: int) -> Tensor:
        return torch.randn((rows, columns), generator=generator) * _SPREAD

    feature = normal(features, 2 * factors + 1)  # inputs, vectors, bias
    feature[:, -1] = 0.0
    return {
        "item_in": normal(items, factors) * known[:, None],
        "item_out": normal(items, factors) * known[:, None],
        "item_bias": torch.zeros((items, 1)),
        "feature": feature,
        "token": normal(tokens + 1, factors),  # the last row is every query's
        "recency": torch.zeros((STEPS, 1)),
    }


def items(tables: Tables, content: SparseRows, keep: Tensor | None = None) -> Items:
    """Id plus content of every item; ``keep`` (items, 1) takes an id away from what is recommended where it is 0."""
    ids, bias, d = tables["item_out"], tables["item_bias"], tables["item_out"].shape[1]
    if keep is not None:
        ids, bias = ids * keep, bias * keep
    described = content.times(tables["feature"])  # (items, 2 d + 1)
    return Items(tables["item_in"] + described[:, :d], ids + described[:, d : 2 * d], bias[:, 0] + described[:, 2 * d])


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
