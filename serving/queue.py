"""Requests that come while the engine works are answered together by its next call; nobody waits to be joined."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")

MOST = 32  # at once: the first of a batch waits for all of it


class Queue(Generic[A, B]):
    """What one event loop has been asked and not answered yet.

    A batch is what had already reached the process: the loop turns as long as a turn brings another request, and a lone
    one goes on after one turn. Whoever answered earlier would meet the same requests one turn later, a few at a time.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[A, asyncio.Future[B]]] = []

    async def put(self, asked: A, answer: Callable[[Sequence[A]], Sequence[B]]) -> B:
        """The answer to ``asked``, which ``answer`` gives for many at once; what it raises is raised to all of them."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[B] = loop.create_future()
        self._waiting.append((asked, future))
        if len(self._waiting) == 1:
            loop.call_soon(self._turn, answer, 0)
        return await future

    def _turn(self, answer: Callable[[Sequence[A]], Sequence[B]], seen: int) -> None:
        """Work, unless the last turn of the loop has brought another request."""
        there = len(self._waiting)
        if seen < there < MOST:
            asyncio.get_running_loop().call_soon(self._turn, answer, there)
        else:
            self._work(answer)

    def _work(self, answer: Callable[[Sequence[A]], Sequence[B]]) -> None:
        batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._work, answer)
        batch = [(asked, future) for asked, future in batch if not future.done()]  # who hung up is not answered
        if not batch:
            return
        try:
            answers = answer([asked for asked, _ in batch])
        except Exception as error:  # noqa: BLE001 - it is told to everybody who asked
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), own in zip(batch, answers, strict=True):
            future.set_result(own)
