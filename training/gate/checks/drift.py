"""Whether the data, or what the champion makes of it, moved too far."""

from pydantic import Field

from recsys.errors import RecsysError
from training.drift.limits import DriftLimits
from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence


@register("drift")
class Drift(Check):
    """The champion's lake versions against the new ones; fails where a measure reaches its ``block``."""

    min_events: int = Field(100, ge=1)  # fewer new ones say nothing
    limits: DriftLimits = Field(default_factory=DriftLimits)

    def find(self, evidence: Evidence) -> Finding:
        try:
            report = evidence.drift(self.limits)
        except RecsysError as error:  # an erasure took the older version, or its bundle is gone
            return Finding.unknown(f"Drift cannot be told: {error}")
        if report is None:
            return Finding.unknown("There is no champion on versions of this lake to compare the data with.")
        if report.new_events < self.min_events:
            return Finding.unknown(f"{report.new_events} events are new; drift is told from {self.min_events} on.")
        return Finding.of(report.verdict != "block", report.sentence)
