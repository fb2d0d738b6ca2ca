"""How large a bundle is."""

from pydantic import PositiveFloat

from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence


@register("memory")
class Memory(Check):
    """The bundle's files, and what a process holds that has loaded it and answered; MB (10^6 bytes)."""

    disk_mb: PositiveFloat = 4000.0
    resident_mb: PositiveFloat = 6000.0

    def find(self, evidence: Evidence) -> Finding:
        probe = evidence.probe
        if probe is None:
            return Finding.unknown("There is no bundle.")
        passed = probe.disk_mb <= self.disk_mb and probe.resident_mb <= self.resident_mb
        sentence = (
            f"The bundle has {probe.disk_mb:.1f} MB on disk, a process that serves it {probe.resident_mb:.0f} MB; "
            f"at most {self.disk_mb:g} and {self.resident_mb:g} are wanted."
        )
        heavier = probe.disk_mb / self.disk_mb > probe.resident_mb / self.resident_mb
        value, limit = (probe.disk_mb, self.disk_mb) if heavier else (probe.resident_mb, self.resident_mb)
        return Finding.of(passed, sentence, value, limit)
