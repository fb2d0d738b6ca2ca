"""What a gate judges: the new version's measurements beside the champion's and the floor's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from recsys.evaluate import Evaluation, compare
from recsys.metrics import Interval
from recsys.types import Query
from training.drift.limits import DriftLimits
from training.drift.report import DriftReport
from training.probe import Probe
from training.probe import probe as measure
from training.promotion import Candidate


@dataclass(frozen=True, eq=False)
class Evidence:
    """One version at the gate. What costs time is measured when a check first asks for it.

    The evaluations are of recipes, fixed and fitted on train + validation of the newest window and measured on its
    test; bundle and queries are of the refitted model.
    """

    new: Candidate
    champion: Candidate | None
    test: Evaluation
    champion_test: Evaluation | None  # None without a champion, or where its recipe cannot be fitted here
    floor_test: Evaluation
    metric: str
    seed: int = 0
    bundle: Path | None = None
    queries: tuple[Query, ...] = ()  # histories to ask the bundle with
    drift: Callable[[DriftLimits], DriftReport | None] = field(default=lambda limits: None)

    @cached_property
    def paired(self) -> Interval | None:
        """New ÷ champion in the metric, on the same queries."""
        if self.champion_test is None:
            return None
        return compare(self.test, self.champion_test, self.metric, seed=self.seed)

    @cached_property
    def over_floor(self) -> Interval:
        """New ÷ popular in the metric, on the same queries."""
        return compare(self.test, self.floor_test, self.metric, seed=self.seed)

    @cached_property
    def probe(self) -> Probe | None:
        """Time and memory of the bundle; None without one."""
        return None if self.bundle is None else measure(self.bundle, self.queries)

    @property
    def cutoff(self) -> str:
        """The list length of the metric, as ``10``."""
        return self.metric.split("@")[1]
