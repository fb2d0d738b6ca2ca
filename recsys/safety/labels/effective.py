"""A label that holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effective:
    """One label of one work, with whoever stands behind it; ``territory`` None = everywhere, ``expires`` None = never."""

    label: str
    score: float | None  # 0–1; None = certain
    territory: str | None  # ISO 3166-1 alpha-2
    source: str
    expires: float | None  # s UTC
