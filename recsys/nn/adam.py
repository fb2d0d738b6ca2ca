"""Adam over tables of which a batch touches some rows only; the rest cost neither time nor memory bandwidth."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_FADE = (0.9, 0.999)
_EPSILON = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """The rows of a table that one batch works on."""

    name: str
    rows: Tensor | None  # (rows,) int64, each once; None for the whole table
    values: Tensor  # (rows, ...) requires grad


Share = Callable[[Sequence[Tensor]], None]


def alone(gradients: Sequence[Tensor]) -> None:
    """What is done to the gradients where nobody else has any."""


class RowAdam:
    """Adam with decoupled weight decay, moments kept by row (the lazy variant of Kingma and Ba 2015).

    ``tables``, the moments and ``steps`` are its whole state. ``reg`` decays a row when it is touched. ``share`` adds
    up the gradients of several processes in place; the leaves of a step must then be the same rows in all of them.
    """

    def __init__(
        self,
        tables: Mapping[str, Tensor],
        learning_rate: float,
        reg: float = 0.0,
        clip: float = 5.0,
        *,
        share: Share = alone,
    ) -> None:
        self.tables = dict(tables)
        self.first = {name: torch.zeros_like(table) for name, table in tables.items()}
        self.second = {name: torch.zeros_like(table) for name, table in tables.items()}
        self.steps = 0
        self._rate, self._reg, self._clip, self._share = learning_rate, reg, clip, share

    def leaf(self, name: str, rows: Tensor | None = None) -> Leaf:
        """Rows of a table to build the loss from; a row may stand in one leaf only."""
        table = self.tables[name]
        # a whole table is its own leaf: autograd never writes to it, and `step` only does so when the graph is gone
        return Leaf(name, rows, (table if rows is None else table[rows]).detach().requires_grad_())

    def step(self, loss: Tensor, leaves: list[Leaf]) -> None:
        """Move the leaves' rows down the gradient of ``loss``, whose norm over all of them is clipped."""
        found = torch.autograd.grad(loss, [leaf.values for leaf in leaves], allow_unused=True)
        pairs = [(leaf, grad) for leaf, grad in zip(leaves, found, strict=True) if grad is not None]
        self._share([grad for _, grad in pairs])
        norm = torch.stack([torch.linalg.vector_norm(grad) for _, grad in pairs]).norm()
        scale = torch.clamp(self._clip / (norm + 1e-12), max=1.0)
        self.steps += 1
        for leaf, grad in pairs:
            self._move(leaf, grad.mul_(scale))

    def _move(self, leaf: Leaf, grad: Tensor) -> None:
        table, first, second = (tables[leaf.name] for tables in (self.tables, self.first, self.second))
        if leaf.rows is not None:
            values, mean, square = table[leaf.rows], first[leaf.rows], second[leaf.rows]
        else:
            values, mean, square = table, first, second
        mean.lerp_(grad, 1 - _FADE[0])
        square.lerp_(grad.square_(), 1 - _FADE[1])
        spread = torch.sqrt(square).div_(math.sqrt(1 - _FADE[1] ** self.steps)).add_(_EPSILON)
        values.mul_(1 - self._rate * self._reg)
        values.addcdiv_(mean, spread, value=-self._rate / (1 - _FADE[0] ** self.steps))
        if leaf.rows is not None:
            table[leaf.rows], first[leaf.rows], second[leaf.rows] = values, mean, square
