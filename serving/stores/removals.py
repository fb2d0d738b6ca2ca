"""What editors keep out or down has a statement of reasons too, and can be appealed against."""

import secrets
from collections.abc import Collection

from recsys.clock import to_datetime
from recsys.overrides import Bury, Campaign, Exclude
from serving.stores.database import Write
from serving.stores.reviews import Reasons, Statement, state

WHAT = {Exclude: "Editors leave the work out of recommendations.", Bury: "Editors rank the work lower."}


def state_removals(write: Write, campaign: Campaign, authors: Collection[str], before: Campaign | None = None) -> None:
    """A statement for each work that a campaign newly excludes or buries."""
    known = set() if before is None else set(before.actions)
    for action in campaign.actions:
        if not isinstance(action, Exclude | Bury) or action in known:
            continue
        why = campaign.reason.strip() or "An editorial decision."
        told = Reasons(WHAT[type(action)], why, f"Editorial decision {campaign.id}", _scope(campaign))
        barred = tuple(dict.fromkeys((*authors, write.actor)))
        name = f"st_{secrets.token_hex(8)}"
        state(write, Statement(name, campaign.id, action.item_id, None, told, (), write.actor, barred, write.now))


def _scope(campaign: Campaign) -> str:
    surfaces = ", ".join(sorted(campaign.surfaces)) or "all surfaces"
    territories = ", ".join(sorted(campaign.territories)) or "everywhere"
    audience = "" if campaign.audience is None else "; for some viewers"
    return f"{surfaces}; {territories}{audience}; until {to_datetime(campaign.end).isoformat()}"
