"""Wall time of one side."""

import time


class Clock:
    """Runs from the start; it stands while anybody else works."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since = time.perf_counter()

    def stop(self) -> float:
        """Stand still and tell the seconds so far."""
        self.seconds += time.perf_counter() - self._since
        return self.seconds

    def go(self) -> None:
        """Go on."""
        self._since = time.perf_counter()
