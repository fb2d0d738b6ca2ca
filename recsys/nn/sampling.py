"""Negatives for a sampled softmax, drawn by popularity and shared by a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Negatives:
    """Distinct items that were drawn, ascending, and the log of how often each was expected."""

    items: Tensor  # (drawn,) int64
    log_expected: Tensor  # (drawn,) log(draws * q / times drawn), which is what the logQ correction subtracts


class Sampler:
    """Draws items with probability ``q`` proportional to ``count ** power``; an item with count 0 never comes."""

    def __init__(self, counts: Tensor, power: float = 0.75) -> None:
        mass = counts.double().pow(power).masked_fill(counts <= 0, 0.0)
        self.q = mass / mass.sum()  # (items,)
        self._steps = torch.cumsum(self.q, 0)

    def draw(self, n: int, generator: torch.Generator) -> Negatives:
        """``n`` draws with replacement; repeats are merged into one entry that stands for all of them."""
        at = torch.rand(n, generator=generator, dtype=torch.float64) * self._steps[-1]
        drawn = torch.searchsorted(self._steps, at, right=True)
        items, times = torch.unique(drawn, return_counts=True)
        return Negatives(items, (torch.log(n * self.q[items]) - torch.log(times.double())).float())
