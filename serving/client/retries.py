"""When a call is tried again, and after how long."""

from dataclasses import dataclass, field
from random import Random

from serving.client.errors import ApiError, RateLimited, Unavailable


@dataclass(frozen=True)
class Retries:
    """Waits that double from ``first`` to ``longest`` seconds, each drawn from zero up to it, so that clients spread.

    The service's own Retry-After goes first; one longer than ``longest`` is left to the caller.
    """

    attempts: int = 3
    first: float = 0.1  # s
    longest: float = 5.0  # s
    random: Random = field(default_factory=Random, repr=False)

    def wait(self, attempt: int, error: ApiError, *, repeatable: bool) -> float | None:
        """Seconds before another try after the ``attempt``-th (from 1), None where there is none.

        A call refused for its rate was not carried out, so that even what must not happen twice may be tried again.
        """
        may = isinstance(error, RateLimited) or (repeatable and isinstance(error, Unavailable))
        if not may or attempt >= self.attempts:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= self.longest else None
        return self.random.uniform(0.0, min(self.longest, self.first * 2 ** (attempt - 1)))
