"""The forward pass in numpy, for the newest event of one history: what a server computes, without torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from recsys.types import FloatArray

_SPAN = 64  # events that attend at once
EPSILON = np.float32(1e-6)  # of the norms, as in training
PARTS = ("query", "query_bias", "key_value", "key_value_bias", "out", "inner", "inner_bias", "outer", "outer_bias")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One attention block. The norms' scales and shifts and the attention's temperature are multiplied in."""

    query: FloatArray  # (d, d)
    query_bias: FloatArray  # (d,)
    key_value: FloatArray  # (d, 2 d) keys, then values
    key_value_bias: FloatArray  # (2 d,)
    out: FloatArray  # (d, d)
    inner: FloatArray  # (d, inner)
    inner_bias: FloatArray  # (inner,)
    outer: FloatArray  # (inner, d)
    outer_bias: FloatArray  # (d,)


def newest(x: FloatArray, blocks: Sequence[Block], heads: int) -> FloatArray:
    """(d,) what the last entry of ``x`` (events, d) becomes; of the last block only that entry is computed."""
    for at, block in enumerate(blocks):
        asking = 1 if at == len(blocks) - 1 else len(x)
        x = _block(x, block, heads, asking)
    row: FloatArray = x[-1]
    return row


def unit(x: FloatArray) -> FloatArray:
    """Each row of (…, d) with mean 0 and variance 1."""
    width = np.float32(x.shape[-1])
    centred: FloatArray = x - x.sum(axis=-1, keepdims=True) / width  # np.mean costs twice as much on rows this short
    variance = np.einsum("...d,...d->...", centred, centred)[..., None] / width
    centred /= np.sqrt(variance + EPSILON)
    return centred


def _block(x: FloatArray, block: Block, heads: int, asking: int) -> FloatArray:
    """(asking, d) the last ``asking`` entries of ``x`` (events, d) after a block."""
    units = unit(x)
    query = units[-asking:] @ block.query + block.query_bias  # (asking, d)
    key, value = np.split(units @ block.key_value + block.key_value_bias, 2, axis=1)  # (events, d) each
    found = np.empty_like(query)
    width = query.shape[1] // heads
    for start in range(0, query.shape[1], width):
        own = slice(start, start + width)
        found[:, own] = _attend(query[:, own], key[:, own], value[:, own])
    x = np.asarray(x[-asking:] + found @ block.out, np.float32)
    inner = unit(x) @ block.inner
    inner += block.inner_bias
    x += np.maximum(inner, 0, out=inner) @ block.outer
    x += block.outer_bias
    return x


def _attend(query: FloatArray, key: FloatArray, value: FloatArray) -> FloatArray:
    """(asking, width): each of the newest events attends to itself and to those before it."""
    found = np.empty_like(query)
    before = len(key) - len(query)
    for start in range(0, len(query), _SPAN):  # in spans, so that what lies far behind is not even computed
        asking = query[start : start + _SPAN]
        seen = before + start + len(asking)
        weight = asking @ key[:seen].T  # (span, seen)
        if len(asking) > 1:
            weight[:, before + start :] += _future(len(asking))
        weight -= weight.max(axis=1, keepdims=True)
        np.exp(weight, out=weight)
        part = weight @ value[:seen]
        part /= weight.sum(axis=1, keepdims=True)
        found[start : start + _SPAN] = part
    return found


@cache
def _future(events: int) -> FloatArray:
    """(events, events) -inf where an event lies behind the one that asks."""
    return np.triu(np.full((events, events), -np.inf, np.float32), 1)
