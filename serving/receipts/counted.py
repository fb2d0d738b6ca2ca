"""Which campaigns of a list went by counts of impressions, which no log keeps as they were then."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.overrides import NoExposure, OverrideIndex, Placed
from recsys.overrides.campaign import campaign_of
from recsys.overrides.exposure import Counts
from recsys.overrides.reasons import CAP_SLOT, CAP_TOTAL, CAP_USER_DAY, REASONS

MOST = 20  # campaigns that a record names
DUE, AHEAD = "guarantee_due", "guarantee_ahead"
TEXTS = {
    **{reason: REASONS[reason] for reason in (CAP_TOTAL, CAP_SLOT, CAP_USER_DAY)},
    DUE: "its guarantee was behind its plan",
    AHEAD: "its guarantee was not behind its plan",
}


def counted(placed: Placed | None) -> dict[str, str]:
    """What counts decided, a key of ``TEXTS`` by campaign: caps that are reached, and every guarantee here and now."""
    live = None if placed is None else placed.live
    if placed is None or live is None or live.plan is None:
        return {}
    promised = {name: DUE if at in live.due else AHEAD for at, name in enumerate(live.plan.promises.ids)}
    late = {campaign_of(one.override): one.reason for one in placed.late if one.reason in TEXTS}
    spent = {live.plan.campaigns[at].id: reason for at, reason in live.spent.items() if reason in TEXTS}
    return dict([*(spent | late).items(), *(promised | late | spent).items()][:MOST])


PLENTY = 1 << 40  # impressions: more than any promise


class AsRecorded(NoExposure):
    """Counts by which each guarantee of a record is behind its plan or not, as it was then; all else counts nothing."""

    def __init__(self, found: Mapping[str, str], orders: OverrideIndex) -> None:
        caps = {one.campaign.id: one.campaign.caps.total for one in orders.ordered}
        ahead = [name for name, what in found.items() if what == AHEAD]
        self._counts = {name: PLENTY if (cap := caps.get(name)) is None else cap - 1 for name in ahead}

    def totals(self, campaigns: Sequence[str]) -> Counts:
        """(campaigns,) as many of each as its guarantee asks for, below its cap; 0 of those that were behind."""
        return np.array([self._counts.get(name, 0) for name in campaigns], np.int64)


def told(found: Mapping[str, str]) -> list[str]:
    """A sentence for each campaign of a record that went by counts."""
    return [
        f"campaign {name}: {TEXTS.get(what, what)}, by counts of impressions that are not kept"
        for name, what in found.items()
    ]
