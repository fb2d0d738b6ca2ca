"""The forward pass in torch, on plain tensors: item vectors from id and content, and what each moment asks for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from recsys.models.sasrec.gaps import GAPS
from recsys.nn import attention
from recsys.nn.sparse import SparseRows

Tables = Mapping[str, Tensor]
_SPREAD = 0.05


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a transformer. ``features`` 0: no content; ``timed`` False: no gaps."""

    items: int
    features: int
    factors: int
    blocks: int
    heads: int
    inner: int
    places: int
    timed: bool


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """Rows filled from the front, with item numbers that fit the item vectors at hand."""

    item: Tensor  # (rows, length) int64
    place: Tensor  # (rows, length) int64
    gap: Tensor  # (rows, length) int64

    def to(self, device: str) -> "Tokens":
        """The same rows on another device."""
        return Tokens(self.item.to(device), self.place.to(device), self.gap.to(device))


def new_tables(shape: Shape, known: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
    """Small random tables; an item that is not ``known`` (items,) by any event has a zero row."""
    d = shape.factors

    def normal(rows: int) -> Tensor:
        return torch.randn((rows, d), generator=generator) * _SPREAD

    tables = {"item": normal(shape.items) * known[:, None], "place": normal(shape.places)}
    if shape.features:
        tables["feature"] = normal(shape.features)
    if shape.timed:
        tables["gap"] = normal(GAPS)
    for at in range(shape.blocks):
        block = attention.new_block(d, d * shape.inner, generator)
        tables |= {_of_block(at, part): table for part, table in block.items()}
    tables["norm"] = torch.stack([torch.ones(d), torch.zeros(d)])
    return tables


def items(tables: Tables, content: SparseRows | None) -> Tensor:
    """(items, d): id plus content."""
    return tables["item"] if content is None else tables["item"] + content.times(tables["feature"])


def encode(tables: Tables, vectors: Tensor, tokens: Tokens, shape: Shape, drop: attention.Drop) -> Tensor:
    """(rows, length, d): what each event of each row asks for, given those before it."""
    x = _rows(vectors, tokens.item) * math.sqrt(shape.factors) + _rows(tables["place"], tokens.place)
    if shape.timed:
        x = x + _rows(tables["gap"], tokens.gap)
    x = drop(x)
    for at in range(shape.blocks):
        x = attention.block({part: tables[_of_block(at, part)] for part in attention.PARTS}, x, shape.heads, drop)
    return attention.norm(x, tables["norm"])


def _rows(table: Tensor, at: Tensor) -> Tensor:
    """``table[at]``, whose gradient adds up repeats in a fixed order."""
    return table.index_select(0, at.reshape(-1)).view(*at.shape, table.shape[1])


def _of_block(at: int, part: str) -> str:
    return f"block{at}.{part}"
