"""What requests leave for the metrics, added up in memory and written once a second.

A metric of many processes lies in a mapped file: to count once costs several microseconds, and a list counts ten times.
What a worker counted in the last second is lost if it is killed.
"""

from bisect import bisect_left
from collections import defaultdict, deque
from threading import Lock

from prometheus_client import Counter, Histogram

Metric = Counter | Histogram


class Tallies:
    """Counts of one worker on their way. Safe to share between threads."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Metric, float]] = deque()
        self._lock = Lock()  # of who writes

    def add(self, metric: Metric, value: float = 1.0) -> None:
        """Count for a counter, or observe for a histogram, with the next ``settle``; the metric has its labels."""
        self._waiting.append((metric, value))

    def settle(self) -> None:
        """Write what is waiting."""
        with self._lock:
            found: defaultdict[Metric, list[float]] = defaultdict(list)
            while self._waiting:
                metric, value = self._waiting.popleft()
                found[metric].append(value)
            for metric, values in found.items():
                if isinstance(metric, Counter):
                    metric.inc(sum(values))
                else:
                    _observe(metric, values)


def _observe(metric: Histogram, values: list[float]) -> None:
    """As ``Histogram.observe`` of each value, with one write for each bucket."""
    metric._sum.inc(sum(values))
    counts: defaultdict[int, int] = defaultdict(int)
    for value in values:
        counts[bisect_left(metric._upper_bounds, value)] += 1
    for bucket, count in counts.items():
        metric._buckets[bucket].inc(count)
