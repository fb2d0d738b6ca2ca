"""Choices out of drawn bytes: one draw for a whole example costs a tenth of a draw for each of its choices."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Drawn:
    """A byte a choice; behind their end all are zero. Zero is the first option, so that what fails shrinks to them."""

    def __init__(self, data: bytes) -> None:
        self._bytes = iter(data)

    def pick(self, options: Sequence[T]) -> T:
        """One of at most 256 options."""
        return options[next(self._bytes, 0) % len(options)]

    def mostly(self, harmless: T, otherwise: Callable[[], T]) -> T:
        """The harmless value four times of five: of many fields that forbid, most are not to."""
        return otherwise() if self.pick(range(5)) == 4 else harmless

    def several(self, make: Callable[[], T], most: int, least: int = 0) -> list[T]:
        """From ``least`` to ``most`` values."""
        return [make() for _ in range(self.pick(range(least, most + 1)))]

    def some(self, options: Sequence[T], least: int, most: int) -> list[T]:
        """From ``least`` to ``most`` of the options, each once, in any order."""
        left = list(options)
        return [left.pop(self.pick(range(len(left)))) for _ in range(self.pick(range(least, most + 1)))]


def drawn(make: Callable[[Drawn], T], size: int) -> st.SearchStrategy[Any]:
    """What ``make`` makes of ``size`` bytes."""
    return st.binary(min_size=size, max_size=size).map(lambda data: make(Drawn(data)))
