"""What a worker does again and again beside its requests, on one thread."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from recsys.errors import RecsysError

log = structlog.get_logger()
TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to do ``every`` so many seconds; ``last`` does it once more at the end."""

    name: str
    every: float
    work: Callable[[], object]
    last: bool = False


class Rounds:
    """A thread that does jobs when they are due. One that fails is said so in the log and comes again."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._done = dict.fromkeys(range(len(jobs)), -math.inf)  # monotonic s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the job that is running, and do the last ones."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        for job in self._jobs:
            if job.last:
                _tried(job)

    def _run(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            for place, job in enumerate(self._jobs):
                if time.monotonic() >= self._done[place] + job.every:
                    self._done[place] = time.monotonic()
                    _tried(job)


def _tried(job: Job) -> None:
    try:
        job.work()
    except RecsysError as error:
        log.warning("round_failed", job=job.name, error=str(error))
    except Exception:
        log.exception("round_failed", job=job.name)
