"""How much of the catalogue the lists show."""

from pydantic import Field, PositiveInt

from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence
from training.gate.limits import above


@register("coverage")
class Coverage(Check):
    """Coverage at ``k`` (default: the metric's), at least a share of the catalogue, or of the champion's coverage."""

    k: PositiveInt | None = None
    at_least: float | None = Field(None, ge=0, le=1)
    of_champion: float | None = Field(None, ge=0)

    def find(self, evidence: Evidence) -> Finding:
        return above(evidence, f"coverage@{self.k or evidence.cutoff}", self.at_least, self.of_champion)
