"""Many small systems at once. LAPACK, which torch calls matrix by matrix, is slow on the larger of them."""

import torch
from torch import Tensor

_SMALL = 64  # up to this size LAPACK's own Cholesky is the quicker one
_PANEL = 16


def solve(left: Tensor, right: Tensor) -> Tensor:
    """(b, n) solutions of positive definite systems (b, n, n), (b, n); NaN where one is not. Overwrites ``left``."""
    if left.shape[-1] <= _SMALL or left.device.type != "cpu":
        factor, bad = torch.linalg.cholesky_ex(left)
        found = torch.cholesky_solve(right[:, :, None], factor)[:, :, 0]
        return found.masked_fill_(bad[:, None] > 0, torch.nan)
    return _solve_blocked(left, right[:, None])


def _solve_blocked(left: Tensor, right: Tensor) -> Tensor:
    """Left-looking Cholesky by panels: all but the diagonal blocks is batched matrix products."""
    n = left.shape[-1]
    inverses = []
    half = torch.empty_like(right)  # (b, 1, n) right side after the forward substitution
    for at in range(0, n, _PANEL):
        own = slice(at, min(at + _PANEL, n))
        rest = right[:, :, own]
        if at:
            done = left[:, own, :at].transpose(1, 2)
            left[:, at:, own].sub_(torch.bmm(left[:, at:, :at], done))
            rest = rest - torch.bmm(half[:, :, :at], done)
        factor, bad = torch.linalg.cholesky_ex(left[:, own, own])
        unit = torch.eye(factor.shape[-1], dtype=left.dtype).expand_as(factor)
        inverse = torch.linalg.solve_triangular(factor, unit, upper=False)
        inverse.masked_fill_(bad[:, None, None] > 0, torch.nan)
        inverses.append(inverse)
        half[:, :, own] = torch.bmm(rest, inverse.transpose(1, 2))
        if own.stop < n:
            left[:, own.stop :, own] = torch.bmm(left[:, own.stop :, own], inverse.transpose(1, 2))
    found = torch.empty_like(right)
    for at in reversed(range(0, n, _PANEL)):
        own = slice(at, min(at + _PANEL, n))
        rest = half[:, :, own]
        if own.stop < n:
            rest = rest - torch.bmm(found[:, :, own.stop :], left[:, own.stop :, own])
        found[:, :, own] = torch.bmm(rest, inverses[at // _PANEL])
    return found[:, 0]
