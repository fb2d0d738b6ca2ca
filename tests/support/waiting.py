"""Waiting for a condition, for as long as a busy machine may need."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 120.0  # never a statement about speed


def until(condition: Callable[[], Any], *, seconds: float = PATIENCE_SECONDS, every: float = 0.02) -> Any:
    """What the condition gives once it holds; an AssertionError where it never does."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(every)
    return found
