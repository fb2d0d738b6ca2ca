"""What came of the gate: a verdict for each check, as a table for people and as plain values for programs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from training.gate.check import Finding
from training.gate.evidence import Evidence
from training.gate.spec import GateSpec
from training.promotion import Decision

if TYPE_CHECKING:
    from rich.table import Table

RULE = "champion"  # the check whose sentence says why a version is champion


@dataclass(frozen=True)
class Verdict:
    """One check and what it found. ``stops``: it keeps the version from being champion."""

    check: str
    finding: Finding
    block: bool
    stops: bool


@dataclass(frozen=True)
class Report:
    """All verdicts of one version."""

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        return not self.stopping

    @property
    def stopping(self) -> list[Verdict]:
        """The verdicts that keep the version from being champion."""
        return [verdict for verdict in self.verdicts if verdict.stops]

    @property
    def decision(self) -> Decision:
        """Whether the version becomes champion, and why, in sentences."""
        if self.passed:
            rule = [verdict.finding.sentence for verdict in self.verdicts if verdict.check == RULE]
            return Decision(True, rule[0] if rule else "It passed the gate, which has no champion rule.")
        return Decision(False, " ".join(_reason(verdict) for verdict in self.stopping))

    def values(self) -> dict[str, Any]:
        """Plain values for JSON."""
        rows = [{"check": v.check, **asdict(v.finding), "block": v.block, "stops": v.stops} for v in self.verdicts]
        return {"passed": self.passed, "checks": rows}


def judge(gate: GateSpec, evidence: Evidence) -> Report:
    """Hold a version against every check of the gate."""
    verdicts = []
    for name, check in gate.checks.items():
        finding = check.find(evidence)
        wanting = finding.outcome == "fail" or (check.required and finding.outcome == "not measured")
        verdicts.append(Verdict(name, finding, check.block, check.block and wanting))
    return Report(tuple(verdicts))


def table(values: Mapping[str, Any]) -> "Table":
    """The table of a report's plain values."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = f"gate: {'passed' if values['passed'] else 'failed'}"
    made = Table("check", "", title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("value", "limit"):
        made.add_column(name, justify="right")
    made.add_column("what was found", overflow="fold")
    for row in values["checks"]:
        style = "bold" if row["stops"] else "dim" if row["outcome"] == "not measured" else None
        outcome = row["outcome"] if row["outcome"] != "fail" or row["block"] else "fail (warns)"
        made.add_row(row["check"], outcome, _number(row["value"]), _number(row["limit"]), row["sentence"], style=style)
    return made


def _reason(verdict: Verdict) -> str:
    if verdict.check == RULE and verdict.finding.outcome == "fail":
        return verdict.finding.sentence
    return f"Gate, {verdict.check}: {verdict.finding.sentence}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
