"""How long a search goes on, and when it goes over to more factors."""

import time
from dataclasses import dataclass, field, replace

from recsys.errors import ConfigError

DEFAULT_TRIALS = 20


@dataclass(frozen=True)
class Budget:
    """So many trials of a study, over all its workers and runs, or so many seconds of this run.

    Trials halve from stage to stage, as their cost about doubles; seconds are shared evenly.
    """

    trials: int | None
    seconds: float | None = None
    begin: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since this run began."""
        return time.monotonic() - self.begin

    @property
    def total(self) -> float:
        """How far ``done`` goes."""
        return float(self.trials or self.seconds or 0)

    def done(self, trials: int) -> float:
        """How far the search has come, with so many trials begun."""
        return float(trials if self.trials is not None else min(self.elapsed, self.total))

    def again(self) -> "Budget":
        """The same for another study, from now on."""
        return replace(self, begin=time.monotonic())

    def full(self, trials: int) -> bool:
        """Whether so many trials are all that there may be."""
        return self.trials is not None and trials >= self.trials

    def over(self, trials: int) -> bool:
        """Whether no trial may begin any more where so many have begun."""
        return self.full(trials) or (self.seconds is not None and self.elapsed >= self.seconds)

    def stage(self, rank: int, stages: int) -> int:
        """The stage of the trial that has ``rank`` others before it, the first of which is the default."""
        if self.trials is None:
            share = self.elapsed / (self.seconds or 1.0)
            return min(int(share * stages), stages - 1)
        share = (rank - 1) / max(self.trials - 1, 1)
        sizes = [0.5**stage for stage in range(stages)]
        ends = [sum(sizes[: stage + 1]) / sum(sizes) for stage in range(stages)]
        return next((stage for stage, end in enumerate(ends) if share < end), stages - 1)


def budget(trials: int | None, minutes: float | None, studies: int) -> Budget:
    """What was asked for each of some studies that share the time. Raises ConfigError."""
    if trials is not None and minutes is not None:
        raise ConfigError("Give either --trials or --minutes; the search ends by one of them.")
    if not (trials is None or trials >= 1) or not (minutes is None or minutes > 0):
        raise ConfigError("--trials must be at least 1, and --minutes above 0.")
    if minutes is not None:
        return Budget(None, minutes * 60 / studies)
    return Budget(trials or DEFAULT_TRIALS)
