"""The release gate: checks as data, and what came of them for one version."""

from training.gate.check import Check, Finding, checks
from training.gate.evidence import Evidence
from training.gate.report import Report, Verdict, judge
from training.gate.spec import GateSpec, default_gate, load_gate, parse_gate

__all__ = [
    "Check",
    "Evidence",
    "Finding",
    "GateSpec",
    "Report",
    "Verdict",
    "checks",
    "default_gate",
    "judge",
    "load_gate",
    "parse_gate",
]
