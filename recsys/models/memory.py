"""What a model makes of one history is worked out once a request, however many other models ask it again.

Nothing outlives the block of ``one_request``: neither a user's history nor what was made of it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

TOGETHER = 64  # queries: what is remembered of each may be as long as the catalogue
T = TypeVar("T")
Q = TypeVar("Q")
E = TypeVar("E")
_Memory = dict[tuple[object, ...], tuple[tuple[object, ...], Any]]
_memory: ContextVar[_Memory | None] = ContextVar("one_request", default=None)


@contextmanager
def one_request() -> Iterator[None]:
    """Until the block ends, ``once`` remembers; a block within another one shares its memory."""
    if _memory.get() is not None:
        yield
        return
    token = _memory.set({})
    try:
        yield
    finally:
        _memory.reset(token)


def portions(queries: Sequence[Q], exclude: Sequence[E]) -> Iterator[tuple[Sequence[Q], Sequence[E]]]:
    """Aligned queries and what they hide, ``TOGETHER`` at a time; few enough are given as the objects that they are."""
    if len(queries) <= TOGETHER:
        yield queries, exclude
        return
    for start in range(0, len(queries), TOGETHER):
        yield queries[start : start + TOGETHER], exclude[start : start + TOGETHER]


def remembers() -> bool:
    """Whether this is within a request."""
    return _memory.get() is not None


def once(what: str, about: tuple[object, ...], make: Callable[[], T]) -> T:
    """``make()``, or what it gave for the same objects (not equal ones) before; outside of a request ``make()``."""
    memory = _memory.get()
    if memory is None:
        return make()
    key = (what, *map(id, about))
    if key not in memory:
        memory[key] = (about, make())  # the objects are kept, so that their ids stay their own
    made: T = memory[key][1]
    return made


def once_each(
    what: str, about: tuple[object, ...], queries: Sequence[Q], make: Callable[[Sequence[Q]], Sequence[T]]
) -> list[T]:
    """``once`` for each of some queries, about it and the same objects: those that are fresh are made together."""
    memory = _memory.get()
    if memory is None:
        return list(make(queries))
    begin = (what, *map(id, about))
    keys = [(*begin, id(query)) for query in queries]
    fresh = [at for at, key in enumerate(keys) if key not in memory]
    if fresh:
        for at, made in zip(fresh, make([queries[at] for at in fresh]), strict=True):
            memory[keys[at]] = ((*about, queries[at]), made)
    return [memory[key][1] for key in keys]
