"""The mean of the weights along the way, which is better than the last of them and far less noisy."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor


class RunningMean:
    """Mean of weights, older ones fading over ``horizon`` steps (Polyak and Juditsky 1992).

    It is taken at the ends of epochs: where an epoch is long, its last weights are nearly all of the mean. ``share``
    of the steps so far is the most that the horizon is, so that early on the mean does not lag behind.
    """

    def __init__(self, tables: Mapping[str, Tensor], horizon: float = 300.0, share: float = 1.0) -> None:
        self.tables = {name: table.clone() for name, table in tables.items()}
        self.steps = 0
        self._horizon, self._share = horizon, share

    def add(self, tables: Mapping[str, Tensor], steps: int) -> None:
        """Take in the weights that ``steps`` further steps led to."""
        if steps < 1:
            return
        self.steps += steps
        # the plain mean until there are enough steps: what training began with never weighs in
        kept = min(math.exp(-steps / min(self._horizon, self._share * self.steps)), 1.0 - steps / self.steps)
        for name, mean in self.tables.items():
            torch.lerp(tables[name], mean, kept, out=mean)
