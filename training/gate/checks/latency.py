"""How long one query takes."""

from pydantic import PositiveFloat

from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence


@register("latency")
class Latency(Check):
    """One query, 20 items, through the pipeline of the refitted bundle; milliseconds on this machine."""

    p50_ms: PositiveFloat = 50.0
    p99_ms: PositiveFloat = 250.0

    def find(self, evidence: Evidence) -> Finding:
        probe = evidence.probe
        if probe is None or not probe.queries:
            return Finding.unknown("There is no bundle, or there are no queries to ask it.")
        passed = probe.p50_ms <= self.p50_ms and probe.p99_ms <= self.p99_ms
        sentence = (
            f"A query takes {probe.p50_ms:.2f} ms at p50 and {probe.p99_ms:.2f} ms at p99 ({probe.queries} queries); "
            f"at most {self.p50_ms:g} and {self.p99_ms:g} are wanted."
        )
        slower = probe.p50_ms / self.p50_ms > probe.p99_ms / self.p99_ms
        value, limit = (probe.p50_ms, self.p50_ms) if slower else (probe.p99_ms, self.p99_ms)
        return Finding.of(passed, sentence, value, limit)
