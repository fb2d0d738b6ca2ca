"""A label as it holds of one item, after every event about it has been weighed."""

from dataclasses import dataclass

ERROR = "error"  # the label of an item that could not be judged: a scanner failed or did not answer in time


@dataclass(frozen=True, slots=True)
class Effective:
    """What the gate reads of a label; where it came from and why is the label store's to tell."""

    label: str
    score: float | None  # 0 to 1; None where whoever gave it is sure
    territory: str | None  # ISO 3166-1 alpha-2; None = everywhere
    source: str  # rule, model, human, rights_holder, regulator, provider
    expires: float | None  # s UTC, from then on it does not hold; None = never
