"""Worker threads that each run whole batches: LAPACK's small factorisations use one thread, however many there are."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from recsys.nn.threads import threads

T = TypeVar("T")
R = TypeVar("R")


class Crew:
    """Some threads, of which each lets BLAS have one only, so that no sum depends on how many there are."""

    def __init__(self, pool: ThreadPoolExecutor, size: int) -> None:
        self._pool = pool
        self._size = size

    def map(self, work: Callable[[T], R], tasks: Iterable[T]) -> list[R]:
        """What ``work`` gives for each task, in their order."""
        return list(self._pool.map(work, tasks))

    def each(self, work: Callable[[T], None], tasks: Iterable[T]) -> None:
        """Do all tasks; whoever is free takes the next."""
        rest = iter(list(tasks))

        def go_on(_: int) -> None:
            for task in rest:  # a list's iterator hands each element out once, whoever asks
                work(task)

        list(self._pool.map(go_on, range(self._size)))


@contextmanager
def crew(size: int, device: torch.device) -> Iterator[Crew]:
    """``size`` threads (0: one a core) for the time of the body; on a GPU one, which only hands out work."""
    size = (size or os.cpu_count() or 1) if device.type == "cpu" else 1
    with threads(1), ThreadPoolExecutor(size, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield Crew(pool, size)
