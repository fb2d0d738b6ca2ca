"""What the gate says of an item, on one scale of which the most restrictive wins."""

from dataclasses import dataclass
from enum import IntEnum

from recsys.types import BoolArray

TAKEDOWN = "takedown"  # taken down everywhere
WITHHELD = "legal_withholding"  # taken down in the viewer's territory, or somewhere while the viewer's is unknown
TERRITORY = "territory"  # no right in the viewer's territory
WINDOW = "window"  # before available_from, or at or after available_to
EMBARGO = "embargo"  # before embargo_until
AGE = "age"  # the minimum age is above the viewer's
UNLABELLED = "unlabelled"  # nobody has said what it holds
ERROR = "error"  # a field, the index or the clock is garbage


class Verdict(IntEnum):
    """allow < label < interstitial < limit < hold < block < takedown.

    ``allow``, ``label`` (shown with its labels) and ``interstitial`` (shown behind a click) are shown; the rest is not.
    """

    ALLOW = 0
    LABEL = 1
    INTERSTITIAL = 2
    LIMIT = 3
    HOLD = 4
    BLOCK = 5
    TAKEDOWN = 6

    @property
    def code(self) -> str:
        """The name as it stands in packs, responses and logs."""
        return self.name.lower()

    @property
    def shown(self) -> bool:
        """Whether an item with this verdict may be on a screen at all."""
        return self <= Verdict.INTERSTITIAL


VERDICTS = {verdict.code: verdict for verdict in Verdict}


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """The gate's answer on a list, aligned with it.

    A reason is a machine code: one of this module's constants, ``label:NAME`` or ``unknown_label:NAME``; "" for allow.
    It belongs to the most restrictive finding, and of equals to the first in the order of precedence.
    """

    verdict: list[Verdict]
    reasons: list[str]
    allowed: BoolArray  # (n,) whether each item may be shown
    policy: str  # what judged, as name@version+digest

    def __len__(self) -> int:
        return len(self.verdict)
