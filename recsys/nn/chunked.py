"""Softmax losses with one target a row, in chunks that stay in the cache: no (rows, items) matrix is ever kept.

The gradient is made in the forward pass, while a chunk's probabilities are at hand. So the loss must be the last
thing of a graph: what flows back into it is a scalar. With ``half`` logits and probabilities are bfloat16, which is
two to three times as fast where the processor multiplies them (``halves``); sums stay in float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

CELLS = 1 << 21  # logits held at once: 8 MiB, or half of it
_LEAST = 1e-38  # a loss beyond 87 is told as 87; its gradient is right


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """The negatives of a batch, and where the target of each row is among them."""

    log_expected: Tensor  # (draws,) how often each was expected to be drawn
    own: Tensor  # (rows,) int64, -1 where the target was not drawn


def halves(device: str) -> bool:
    """Whether this machine multiplies bfloat16 faster than float32."""
    if device != "cpu":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def chunked_full(asked: Tensor, items: Tensor, target: Tensor, weight: Tensor, *, half: bool = False) -> Tensor:
    """Σ ``weight`` (rows,) times the cross-entropy of ``target`` (rows,) among all ``items`` (items, d).

    ``asked`` (rows, d). The same as ``full_softmax`` of ``asked @ items.T``.
    """
    loss: Callable[..., Tensor] = _Full.apply
    return loss(asked, items, target, weight, torch.bfloat16 if half else asked.dtype)


def chunked_sampled(
    asked: Tensor, liked: Tensor, drawn: Tensor, draws: Draws, weight: Tensor, *, half: bool = False
) -> Tensor:
    """Σ ``weight`` (rows,) times the cross-entropy of ``liked`` (rows, d) against ``drawn`` (draws, d), logQ-corrected.

    The same as ``sampled_softmax`` with the target of a row as its only own draw.
    """
    loss: Callable[..., Tensor] = _Sampled.apply
    return loss(asked, liked, drawn, draws, weight, torch.bfloat16 if half else asked.dtype)


class _Full(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        """The loss, with the gradients of ``asked`` and ``items`` kept for ``backward``."""
        asked, items, target, weight, kind = given
        scaled = asked * weight[:, None]
        losses = torch.empty_like(weight)
        d_asked, d_items = torch.empty_like(asked), torch.zeros_like(items)
        rows, table, weighted = asked.to(kind), items.to(kind), scaled.to(kind)
        for part in _parts(len(asked), len(items)):
            share = torch.softmax(rows[part] @ table.T, 1)  # (chunk, items)
            losses[part] = _surprise(share.gather(1, target[part, None])[:, 0])
            d_asked[part] = share @ table
            d_items += share.T @ weighted[part]
        d_asked -= items.index_select(0, target)
        d_asked *= weight[:, None]
        d_items.index_add_(0, target, scaled, alpha=-1)
        ctx.save_for_backward(d_asked, d_items)
        return torch.dot(losses, weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        d_asked, d_items = ctx.saved_tensors
        return d_asked * grads[0], d_items * grads[0], None, None, None


class _Sampled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        """The loss, with the gradients of ``asked``, ``liked`` and ``drawn`` kept for ``backward``."""
        asked, liked, drawn, draws, weight, kind = given
        scaled = asked * weight[:, None]
        d_asked, d_drawn = torch.empty_like(asked), torch.zeros((len(drawn) + 1, drawn.shape[1]), device=drawn.device)
        # a last column for the target's own score, whose row of zeros gives it no part in the products
        table = torch.cat([drawn, drawn.new_zeros((1, drawn.shape[1]))]).to(kind)
        bias = torch.cat([-draws.log_expected, draws.log_expected.new_zeros(1)]).to(kind)
        rows, weighted, score = asked.to(kind), scaled.to(kind), (asked * liked).sum(1)
        at_target = torch.empty_like(score)
        for part in _parts(len(asked), len(drawn)):
            logits = torch.addmm(bias, rows[part], table.T)  # (chunk, draws + 1)
            logits[:, -1] = score[part]
            own = draws.own[part]
            hit = torch.nonzero(own >= 0)[:, 0]
            logits[hit, own[hit]] = -torch.inf
            share = torch.softmax(logits, 1)
            at_target[part] = share[:, -1]
            d_asked[part] = share @ table
            d_drawn += share.T @ weighted[part]
        error = (at_target - 1)[:, None]  # gradient of the target's score
        d_asked = torch.addcmul(d_asked, error, liked).mul_(weight[:, None])
        ctx.save_for_backward(d_asked, error * scaled, d_drawn[:-1])
        return torch.dot(_surprise(at_target), weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        d_asked, d_liked, d_drawn = ctx.saved_tensors
        return d_asked * grads[0], d_liked * grads[0], d_drawn * grads[0], None, None, None


def _surprise(share: Tensor) -> Tensor:
    return -share.float().clamp_min(_LEAST).log()


def _parts(rows: int, columns: int) -> list[slice]:
    step = max(1, CELLS // max(columns, 1))
    return [slice(start, start + step) for start in range(0, rows, step)]
