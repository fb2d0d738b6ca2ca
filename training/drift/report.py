"""Drift between two lake versions: measures with their limits, and a verdict."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from training.drift.limits import DriftLimits

if TYPE_CHECKING:
    from rich.table import Table

Level = Literal["ok", "warn", "block"]
LEVELS: tuple[Level, ...] = ("ok", "warn", "block")
LESS_IS_WORSE = ("overlap",)


@dataclass(frozen=True)
class Measure:
    """One number. ``kind`` is psi, js, share, rate or overlap; ``noise`` is what chance alone may make."""

    name: str
    kind: str
    value: float
    noise: float = 0.0
    detail: str = ""

    def level(self, limits: DriftLimits) -> Level:
        """ok where it is within its limits, or no larger than chance."""
        limit = limits.of(self.name, self.kind)
        if not self.value > self.noise and self.kind not in LESS_IS_WORSE:
            return "ok"
        sign = -1 if self.kind in LESS_IS_WORSE else 1
        if limit.block is not None and sign * self.value >= sign * limit.block:
            return "block"
        return "warn" if limit.warn is not None and sign * self.value >= sign * limit.warn else "ok"


@dataclass(frozen=True)
class DriftReport:
    """Measures between ``older`` and ``newer`` versions of one lake's tables; ``bundle`` made the lists, if any."""

    lake: str
    older: Mapping[str, int]
    newer: Mapping[str, int]
    new_events: int
    measures: tuple[Measure, ...]
    limits: DriftLimits
    bundle: str | None = None

    @property
    def verdict(self) -> Level:
        """The worst level of all measures."""
        levels = [measure.level(self.limits) for measure in self.measures]
        return max(levels, key=LEVELS.index, default="ok")

    @property
    def sentence(self) -> str:
        """The verdict in words, with what is beyond its limit."""
        if not self.new_events:
            return "The newer version has no event that the older one lacks."
        beyond = [m for m in self.measures if m.level(self.limits) == self.verdict] if self.verdict != "ok" else []
        if not beyond:
            return f"{self.new_events:,} new events, and no measure is beyond its limit."
        told = ", ".join(f"{m.name} {m.kind} {m.value:.3g}" + (f" ({m.detail})" if m.detail else "") for m in beyond)
        word = "Drift that blocks" if self.verdict == "block" else "Drift to look at"
        return f"{word}: {told}."

    def values(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "lake": self.lake,
            "from": dict(self.older),
            "to": dict(self.newer),
            "bundle": self.bundle,
            "new_events": self.new_events,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "measures": [self._row(measure) for measure in self.measures],
        }

    def _row(self, measure: Measure) -> dict[str, Any]:
        limit = self.limits.of(measure.name, measure.kind)
        known = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(measure).items()}
        return {**known, "warn": limit.warn, "block": limit.block, "level": measure.level(self.limits)}


def table(values: Mapping[str, Any]) -> "Table":
    """The table of a report's plain values."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = f"drift from {versions(values['from'])} to {versions(values['to'])}: {values['verdict']}"
    made = Table(
        "measure", "", title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    for name in ("value", "chance", "warn", "block"):
        made.add_column(name, justify="right")
    made.add_column("", overflow="fold")
    styles = {"ok": None, "warn": "yellow", "block": "bold red"}
    for row in values["measures"]:
        numbers = (number(row[key]) for key in ("value", "noise", "warn", "block"))
        made.add_row(f"{row['name']} {row['kind']}", row["level"], *numbers, row["detail"], style=styles[row["level"]])
    return made


def versions(tables: Mapping[str, int]) -> str:
    """``events 3, items 1``."""
    return ", ".join(f"{name} {version}" for name, version in sorted(tables.items()))


def number(value: float | None) -> str:
    """A number for a table; empty where there is none."""
    return "" if value is None else f"{value:.3g}"
