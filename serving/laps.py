"""Where the time of a list goes: one clock reading a stage, sums kept in a list of floats."""

from time import perf_counter

DRAFT, CANDIDATES, RERANK, OVERRIDES, CHECK, ENCODE = range(6)
STAGES = ("draft", "candidates", "rerank", "overrides", "check", "encode")


class Laps:
    """Seconds by stage of one call of the engine; a stage that runs again adds to itself."""

    __slots__ = ("_at", "seconds")

    def __init__(self) -> None:
        self.seconds = [0.0] * len(STAGES)
        self._at = perf_counter()

    def copy(self) -> "Laps":
        """The same so far, to go on by itself."""
        other = Laps()
        other.seconds = self.seconds.copy()
        return other

    def lap(self, stage: int) -> None:
        """What has passed since the lap before was spent in ``stage``."""
        now = perf_counter()
        self.seconds[stage] += now - self._at
        self._at = now
