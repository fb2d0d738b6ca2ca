"""What editors keep out or down, and what a label takes off, has a statement of reasons too: it can be appealed."""

import secrets
from collections.abc import Collection, Sequence

from recsys.clock import to_datetime
from recsys.overrides import Bury, Campaign, Exclude
from recsys.safety import Policy
from recsys.safety.labels import LabelEvent
from recsys.safety.review import kept_off
from serving.stores.database import Write
from serving.stores.labels import Also
from serving.stores.reviews import Reasons, Statement, state

SPEAKS = frozenset({"human", "regulator", "rights_holder"})  # machines' labels wait for a person in the review queue
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


def state_labels(policy: Policy) -> Also:
    """Gives each new label of a person or of the law that keeps its work off a surface a statement of reasons."""

    def stated(write: Write, events: Sequence[LabelEvent]) -> None:
        for event in events:
            if event.source in SPEAKS and not event.negates and (where := kept_off(policy, event)):
                state(write, _of_label(write, event, policy, where))

    return stated


def _of_label(write: Write, event: LabelEvent, policy: Policy, where: Sequence[str]) -> Statement:
    told = Reasons(
        f"The work is labelled {event.label}.",
        event.evidence.strip() or f"A statement of the {event.source.replace('_', ' ')}.",
        f"Label {event.label} of the policy {event.policy_version or policy.cite}",
        f"{', '.join(where)}; {event.territory or 'everywhere'}",
    )
    name = f"st_{secrets.token_hex(8)}"
    return Statement(name, event.id, event.item_id, None, told, (), write.actor, (write.actor,), write.now)


def _scope(campaign: Campaign) -> str:
    surfaces = ", ".join(sorted(campaign.surfaces)) or "all surfaces"
    territories = ", ".join(sorted(campaign.territories)) or "everywhere"
    audience = "" if campaign.audience is None else "; for some viewers"
    return f"{surfaces}; {territories}{audience}; until {to_datetime(campaign.end).isoformat()}"
