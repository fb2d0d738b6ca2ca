"""How far lists lie from what their users' histories are made of."""

from pydantic import Field

from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence
from training.gate.limits import below


@register("calibration")
class Calibration(Check):
    """The calibration error, at most a number, or at most so many times the champion's."""

    metric: str = "calibration_error"  # with @k, or at the list length of the run's metric
    at_most: float | None = Field(None, ge=0)
    of_champion: float | None = Field(None, ge=0)

    def find(self, evidence: Evidence) -> Finding:
        name = self.metric if "@" in self.metric else f"{self.metric}@{evidence.cutoff}"
        return below(evidence, name, self.at_most, self.of_champion)
