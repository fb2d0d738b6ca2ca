"""What editors keep out or down, and what a label takes off, has a statement of reasons too: it can be appealed."""

import secrets
from collections.abc import Collection, Sequence

from recsys.clock import to_datetime
from recsys.overrides import Bury, Campaign, Exclude
from recsys.safety import Policy
from recsys.safety.labels import LabelEvent
from recsys.safety.review import kept_off
from recsys.safety.variants import Variants, variants
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
    packs = variants(policy)

    def stated(write: Write, events: Sequence[LabelEvent]) -> None:
        for event in events:
            if event.source in SPEAKS and not event.negates and (scope := _reach(packs, event)):
                state(write, _of_label(write, event, policy, scope))

    return stated


def _reach(packs: Variants, event: LabelEvent) -> str:
    """Where a label keeps its work off: on which surfaces in which territories; empty where it does not."""
    if event.territory is not None:
        places = {", ".join(kept_off(packs.of(event.territory), event)): [event.territory]}
    else:
        plain = kept_off(packs.plain, event)
        places = {", ".join(plain): ["everywhere"], **_locally(packs, event, plain)}
    return "; and ".join(f"{surfaces}; {', '.join(where)}" for surfaces, where in places.items() if surfaces)


def _locally(packs: Variants, event: LabelEvent, plain: Sequence[str]) -> dict[str, list[str]]:
    """The territories in which a label keeps its work off more surfaces than elsewhere, by these surfaces."""
    places: dict[str, list[str]] = {}
    for code, own in packs.named.items():
        if more := [name for name in kept_off(own, event) if name not in plain]:
            places.setdefault(", ".join(more), []).append(code)
    return places


def _of_label(write: Write, event: LabelEvent, policy: Policy, scope: str) -> Statement:
    told = Reasons(
        f"The work is labelled {event.label}.",
        event.evidence.strip() or f"A statement of the {event.source.replace('_', ' ')}.",
        f"Label {event.label} of the policy {event.policy_version or policy.cite}",
        scope,
    )
    name = f"st_{secrets.token_hex(8)}"
    barred = tuple(dict.fromkeys(filter(None, (write.actor, event.actor))))  # a file may bring what others have said
    return Statement(name, event.id, event.item_id, None, told, (), write.actor, barred, write.now)


def _scope(campaign: Campaign) -> str:
    surfaces = ", ".join(sorted(campaign.surfaces)) or "all surfaces"
    territories = ", ".join(sorted(campaign.territories)) or "everywhere"
    audience = "" if campaign.audience is None else "; for some viewers"
    return f"{surfaces}; {territories}{audience}; until {to_datetime(campaign.end).isoformat()}"
