"""The champion rule as a check: recipe against recipe."""

from pydantic import Field

from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence
from training.promotion import decide


@register("champion")
class Champion(Check):
    """The paired rule of ``training.promotion``; ``margin`` is how much worse the lower bound may be."""

    margin: float = Field(0.01, ge=0, lt=1)

    def find(self, evidence: Evidence) -> Finding:
        decision = decide(
            evidence.new,
            evidence.champion,
            evidence.paired,
            floor_ratio=evidence.over_floor.ratio,
            metric=evidence.metric,
            margin=self.margin,
        )
        ratio = None if evidence.paired is None else evidence.paired.ratio
        return Finding.of(decision.promoted, decision.reason, ratio, 1.0 if ratio is not None else None)
