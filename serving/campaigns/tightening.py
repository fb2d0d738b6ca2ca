"""Whether a change of a campaign only takes away from what it does: then one person is enough, and it acts at once."""

from collections import Counter
from dataclasses import fields

from recsys.overrides import Bury, Campaign, Exclude

LIMITS = ("user_day", "slot", "total")


def tightens(before: Campaign, after: Campaign) -> bool:
    """Whether ``after`` shows nothing for which ``before`` did not stand, and keeps away all that it kept away."""
    return (
        _same_otherwise(before, after)
        and _actions_tighten(before, after)
        and _limits_tighten(before, after)
        and (_narrows(before, after) if not _keeps_away(before) else _same_scope(before, after))
    )


def _same_otherwise(before: Campaign, after: Campaign) -> bool:
    """Nothing else has changed: whom it is for, who pays, what it is for."""
    free = {"actions", "surfaces", "territories", "start", "end", "caps", "guarantee", "share"}
    told = {"name", "reason", "created_by", "approved_at"}
    return all(
        getattr(before, part.name) == getattr(after, part.name)
        for part in fields(Campaign)
        if part.name not in free | told
    )


def _actions_tighten(before: Campaign, after: Campaign) -> bool:
    """Promotions only go, excludes and buries only come."""
    old, new = Counter(before.actions), Counter(after.actions)
    kept = all(isinstance(action, Exclude | Bury) for action in new - old)
    return kept and not any(isinstance(action, Exclude | Bury) for action in old - new)


def _limits_tighten(before: Campaign, after: Campaign) -> bool:
    pairs = [(getattr(before.caps, name), getattr(after.caps, name)) for name in LIMITS]
    pairs.append((before.share, after.share))
    lower = all(old is None or (new is not None and new <= old) for old, new in pairs)
    return lower and (after.guarantee is None or (before.guarantee is not None and after.guarantee <= before.guarantee))


def _keeps_away(campaign: Campaign) -> bool:
    return any(isinstance(action, Exclude | Bury) for action in campaign.actions)


def _narrows(before: Campaign, after: Campaign) -> bool:
    places = ((before.surfaces, after.surfaces), (before.territories, after.territories))
    inside = all(not old or (new and new <= old) for old, new in places)
    return bool(inside) and after.start >= before.start and after.end <= before.end


def _same_scope(before: Campaign, after: Campaign) -> bool:
    """An exclude that ends earlier or holds in fewer places would bring something back."""
    return (before.surfaces, before.territories, before.start, before.end) == (
        after.surfaces,
        after.territories,
        after.start,
        after.end,
    )
