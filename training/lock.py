"""A lock between jobs of one machine that goes when its holder does, also after kill -9."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recsys.errors import StoreError


class Busy(StoreError):
    """Somebody else holds the lock."""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock at ``path`` for a block; Busy, naming the holder, where another process has it.

    The file stays: to remove it would let two processes lock two files of one name. It says who holds the lock and
    nothing rests on that; the lock itself is the kernel's and ends with the process.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"The lock {path} cannot be opened: {error}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Busy(f"process {file.read(20).strip() or 'unknown'} holds {path}") from None
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
