"""A lock beside the tables: writers share it, erasure has it alone.

Commits are safe without it (Delta decides who was first); it only keeps an erasure's clean-up from taking the files
of a writer that has not committed yet. An object store has no such lock: erase there while nothing ingests.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lake_lock(root: str, *, alone: bool = False) -> Iterator[None]:
    """Hold the lake's lock; ``alone`` waits for all others to leave. Does nothing for an object-store URI."""
    if "://" in root:
        yield
        return
    Path(root).mkdir(parents=True, exist_ok=True)
    with (Path(root) / ".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield  # closing the file lets go
