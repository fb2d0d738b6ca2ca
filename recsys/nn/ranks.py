"""Several processes that fit one model together, as torchrun starts them; alone, everything here does nothing."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of how many processes this one is."""

    rank: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process validates, reports and writes files for all."""
        return self.rank == 0

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the processes, which is bitwise the same in all of them."""
        if self.world == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        dist.all_reduce(flat)
        for tensor, part in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def agreed(self, value: float, device: str = "cpu") -> float:
        """What the leading process holds, told to all."""
        if self.world == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64, device=device)
        dist.broadcast(told, 0)
        return float(told)


@contextmanager
def ranks(device: str = "cpu") -> Iterator[Ranks]:
    """The processes of this fit: those that the environment of torchrun names (WORLD_SIZE > 1), else this one alone.

    A process group that is not there yet is made, and unmade when the body is over.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Ranks()
        return
    own = not dist.is_initialized()
    if own:
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
    finally:
        if own:
            dist.destroy_process_group()
