"""Causal self-attention blocks on plain tensors (Vaswani et al. 2017), norms first.

A block works on rows that are filled from the front: what is behind the end of a row is seen by nobody before it, so
that no mask is needed but the causal one.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

Tables = Mapping[str, Tensor]
Drop = Callable[[Tensor], Tensor]
EPSILON = 1e-6  # of the norms
PARTS = ("qkv", "out", "inner", "inner_bias", "outer", "outer_bias", "norm_in", "norm_mid")


def new_block(d: int, inner: int, generator: torch.Generator) -> dict[str, Tensor]:
    """The tables of one block: projections drawn by Xavier and Bengio's rule, norms at one, biases at zero."""

    def drawn(rows: int, columns: int, fan: int) -> Tensor:
        return torch.randn((rows, columns), generator=generator) * math.sqrt(2.0 / (rows + fan))

    norm = torch.stack([torch.ones(d), torch.zeros(d)])  # scale, shift
    return {
        "qkv": drawn(d, 3 * d, d),
        "out": drawn(d, d, d),
        "inner": drawn(d, inner, inner),
        "inner_bias": torch.zeros(inner),
        "outer": drawn(inner, d, d),
        "outer_bias": torch.zeros(d),
        "norm_in": norm,
        "norm_mid": norm.clone(),
    }


def block(tables: Tables, x: Tensor, heads: int, drop: Drop) -> Tensor:
    """(rows, length, d) → the same shape; entry ``i`` of a row depends on its entries up to ``i``."""
    x = x + drop(attend(norm(x, tables["norm_in"]) @ tables["qkv"], heads) @ tables["out"])
    inner = functional.relu(norm(x, tables["norm_mid"]) @ tables["inner"] + tables["inner_bias"])
    return x + drop(inner @ tables["outer"] + tables["outer_bias"])


def attend(qkv: Tensor, heads: int) -> Tensor:
    """(rows, length, d): causal attention of the queries, keys and values that lie side by side in (…, 3 d)."""
    rows, length, width = qkv.shape
    q, k, v = qkv.view(rows, length, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4)
    found = functional.scaled_dot_product_attention(q, k, v, is_causal=True)  # (rows, heads, length, d / heads)
    return found.transpose(1, 2).reshape(rows, length, width // 3)


def norm(x: Tensor, table: Tensor) -> Tensor:
    """Layer norm over the last axis (Ba et al. 2016); ``table`` (2, d) is scale and shift."""
    return functional.layer_norm(x, x.shape[-1:], table[0], table[1], EPSILON)
