"""What the worlds went through, kind by kind, so that a reader sees that nothing was left out."""

from collections import Counter
from typing import Any

from benchmarks.worlds.happenings import FAILURES
from benchmarks.worlds.items import CODES
from benchmarks.worlds.packs import SURFACES

Record = dict[str, Any]
EXPECTED: dict[str, tuple[str, ...]] = {
    "surface": (*SURFACES, "popup"),
    "age": ("unknown", "below 13", "13 to 17", "adult"),
    "territory": (*CODES, "JP", "unknown"),
    "failure": (*FAILURES, "none"),
    "viewer": ("cold user", "known user", "opted out", "erased user", "minor at night", "canary", "shadow"),
    "request": (
        *("filter", "series", "seen list", "session", "hidden works", "excluded works", "similar", "explained"),
        *("seeded", "late", "later page", "clock runs", "stale policy", "clock put back", "day of a clock change"),
    ),
    "campaign": ("pin", "fill", "row", "boost", "bury", "exclude", "present"),
    "campaign act": ("file", "tighten", "pause", "resume", "revoke"),
    "override": ("pin", "boost", "bury", "exclude", "revoked"),
    "kill switch": ("campaign", "editor", "all", "released"),
    "policy": ("publish", "rollback", "shadow", "canary", "promote", "stop", "local"),
    "change": (
        *("takedown", "restore", "rights", "controls", "erase", "saw", "confirm", "rebuild", "clock"),
        *("upsert loosens", "upsert tightens", "upsert new", "label", "label negates", "label expires"),
    ),
    "shown": ("another title", "another picture", "part withheld"),
    "removed by": (
        *("takedown", "rights document", "garbage", "territory", "window", "embargo", "takedowns may be missing"),
        *("stale", "curfew", "age", "rating", "not cleared", "excluded", "canary"),
        *(f"verdict {one}" for one in ("limit", "hold", "block")),
        *("excluded by the request", "hidden by the user", "had by the user", "filter", "another episode comes next"),
    ),
}


class Tally:
    """Counts by group and kind."""

    def __init__(self, counts: dict[str, dict[str, int]] | None = None) -> None:
        self.counts = {group: Counter((counts or {}).get(group, {})) for group in EXPECTED}

    def add(self, group: str, kind: str, count: int = 1) -> None:
        """So many more of a kind."""
        self.counts[group][kind] += count

    def update(self, other: "Tally") -> None:
        """All that another has counted as well."""
        for group, counts in other.counts.items():
            self.counts[group].update(counts)

    def missing(self) -> list[str]:
        """Every kind that never came up."""
        return [
            f"{group}: {kind}" for group, kinds in EXPECTED.items() for kind in kinds if not self.counts[group][kind]
        ]

    def table(self) -> str:
        """One line a group."""
        lines = []
        for group, kinds in EXPECTED.items():
            counts = self.counts[group]
            told = ", ".join(f"{kind} {counts[kind]:,}" for kind in (*kinds, *sorted(set(counts) - set(kinds))))
            lines.append(f"{group:13} {told}")
        return "\n".join(lines)

    def plain(self) -> dict[str, dict[str, int]]:
        """As JSON has it."""
        return {group: dict(sorted(counts.items())) for group, counts in self.counts.items()}
