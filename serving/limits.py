"""How often a key may call: one token bucket a key, in the memory of each worker.

Workers and replicas count for themselves: with four of them a key may reach four times its rate.
"""

import time
from collections.abc import Callable, Mapping

from serving.stores.control import Principal

BURST_SECONDS = 2.0  # how much of its rate a key may save up


class Rates:
    """Buckets of all keys that have called; as many as there are keys, so their number is bounded."""

    def __init__(self, by_role: Mapping[str, float], now: Callable[[], float] = time.monotonic) -> None:
        self._by_role = by_role
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}  # by key: tokens left, when

    def wait(self, who: Principal) -> float:
        """Take one token; 0, or the seconds until there is one where the bucket is empty."""
        rate = self._by_role.get(who.role) if who.rate is None else who.rate
        if rate is None:
            return 0.0
        now, full = self._now(), max(1.0, rate * BURST_SECONDS)
        left, at = self._buckets.get(who.id, (full, now))
        left = min(full, left + (now - at) * rate)
        if left < 1.0:
            self._buckets[who.id] = (left, now)
            return (1.0 - left) / rate
        self._buckets[who.id] = (left - 1.0, now)
        return 0.0
