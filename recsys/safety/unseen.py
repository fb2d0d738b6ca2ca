"""What of a policy may be milder than before and shows in no verdict at any one moment."""

from collections.abc import Iterator, Mapping, Sequence

from recsys.safety.limits import limits
from recsys.safety.parts import Minors, Rule
from recsys.safety.policy import Policy
from recsys.safety.variants import variants

ELSEWHERE = "(any other)"  # stands for every surface, and every territory, that no pack names
PLAIN = "ZZ"  # a territory that no pack names; user-assigned in ISO 3166-1


def unseen(old: Policy, new: Policy) -> Iterator[str]:
    """Caps, clocks, pauses, what a viewer is told, and rules: made-up works cannot try all that a rule looks at."""
    if new.confirm_within > old.confirm_within:
        yield f"confirm_within grows from {old.confirm_within:g} to {new.confirm_within:g} seconds"
    if new.topic != old.topic:
        yield "max_per_topic counts something else"
    if new.foreign_ratings != old.foreign_ratings:
        yield "foreign_ratings changes"
    for at, rule in enumerate(old.rules):
        if not any(_as_strict(rule, old, one, new) for one in new.rules):
            yield f"the rule {old.rule_id(at)} is gone or finds less"
    before, after = variants(old), variants(new)
    for code in (None, PLAIN, *sorted({*before.named, *after.named})):
        place = "where no territory is known" if code is None else "elsewhere" if code == PLAIN else f"in {code}"
        for surface in (*sorted({*old.surfaces, *new.surfaces}), ELSEWHERE):
            was, now = limits(before.of(code), surface), limits(after.of(code), surface)
            if _wider(was.max_per_creator, now.max_per_creator) or _wider(was.max_per_topic, now.max_per_topic):
                yield f"{surface}: a cap is wider {place}"
        if not _covers([pack.minors for pack in before.of(code)], [pack.minors for pack in after.of(code)]):
            yield f"curfew or pauses of minors change {place}"
    told = {name for pack in before.anywhere for name, label in pack.labels.items() if label.ai}
    kept = {name for name in told if all(name in pack.labels and pack.labels[name].ai for pack in after.anywhere)}
    if told - kept:
        yield f"viewers are no longer told by ai: {', '.join(sorted(told - kept))}"


def _wider(was: int | None, now: int | None) -> bool:
    return was is not None and (now is None or now > was)


def _covers(was: Sequence[object], now: Sequence[object]) -> bool:
    """Whether nothing of what held is gone; packs without a word on minors ask nothing."""
    return all(one in now or one == Minors() for one in was)


def _as_strict(old: Rule, before: Policy, new: Rule, after: Policy) -> bool:
    """Whether a rule finds all that another one found, and makes as much of it."""
    return (
        (new.field, new.otherwise) == (old.field, old.otherwise)
        and set(new.labels) >= set(old.labels)
        and (new.min_age or 0) >= (old.min_age or 0)
        and after.values(new.any_of).keys() >= before.values(old.any_of).keys()
        and after.values(new.none_of).keys() <= before.values(old.none_of).keys()
        and _excepts_less(_exceptions(old, before), _exceptions(new, after))
    )


def _exceptions(rule: Rule, policy: Policy) -> dict[str, set[str]]:
    """The values of each field that stop a rule; none = any value."""
    return {name: set(policy.values(values)) for name, values in rule.unless.items()}


def _excepts_less(old: Mapping[str, set[str]], new: Mapping[str, set[str]]) -> bool:
    return all(name in old and (not old[name] or (values and values <= old[name])) for name, values in new.items())
