"""Works that nobody has, one for each thing that packs speak of: what a pack makes of works that are yet to come."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations, product
from typing import Any

from recsys.dataset.catalogue import JUDGED_LISTS, LIST_FIELDS
from recsys.safety.labels.effective import Effective
from recsys.safety.parts import LABELS
from recsys.safety.policy import Policy
from recsys.safety.variants import variants

PROBE = "\x00probe "  # begins the ids of these works: no id of a catalogue holds it
_UNKNOWN = "a label of no pack"
_PAIRED = 40  # labels up to which each pair of them is tried, and values of rules
_EXCEPTIONS = 10  # of rules, that are tried with every pair of values
_VALUES = 50  # values of one rule that are tried beside those in which two packs differ
_LISTS = frozenset({*LIST_FIELDS, *JUDGED_LISTS})

Said = dict[str, tuple[Effective, ...]]


def probes(old: Policy, new: Policy) -> tuple[list[dict[str, Any]], Said]:
    """Records of such works, and what is said of those whose labels come with a score; by item id."""
    records: list[dict[str, Any]] = [{LABELS: None}, {LABELS: [_UNKNOWN]}]
    starts = _bands([old, new])
    names = sorted(starts)
    records += [{LABELS: given} for name in names for given in ([name], [name, _UNKNOWN])]
    if len(names) <= _PAIRED:
        records += [{LABELS: list(pair)} for pair in combinations(names, 2)]
    for media in sorted({*old.rated_media, *new.rated_media}):
        for labels, rated in product((None, ["general"]), (None, ["MPA:R"], ["FSK:12"], ["no:board"])):
            records.append({"media_type": media, LABELS: labels, "ratings": rated})
    records += _ruled(old, new)
    for place, record in enumerate(records):
        record["item_id"] = f"{PROBE}{place}"
    said: Said = {}
    for name in names:
        for start in sorted(starts[name]):
            item = f"{PROBE}{name} from {start}"
            records.append({"item_id": item})
            said[item] = (Effective(name, start, None, "model", None),)
    return records, said


def _bands(policies: Iterable[Policy]) -> dict[str, set[float]]:
    """Every label of some packs in any territory, with the starts of its bands."""
    found: dict[str, set[float]] = {}
    for policy in policies:
        for pack in variants(policy).anywhere:
            for name, label in pack.labels.items():
                found.setdefault(name, set()).update(band.at_least for band in label.bands)
    return found


def _ruled(old: Policy, new: Policy) -> Iterator[dict[str, Any]]:
    """A work for each value that rules look for and each two of them, with and without what makes an exception.

    What one rule says may be an exception to another: two rules may loosen where either alone tightens.
    """
    sides, exceptions = [_values(old), _values(new)], _exceptions([old, new])
    labels = [None, ["general"], [_UNKNOWN], *([name] for name in sorted(_bands([old, new])))]
    shared = sorted(sides[0] & sides[1])[:_VALUES]
    alone = [{name: _as_field(name, value)} for name, value in sorted({*shared, *(sides[0] ^ sides[1])})]
    pairs = [one for one in (_both(*two) for two in combinations(alone[:_PAIRED], 2)) if one is not None]
    for one, given in product(alone, labels if len(alone) <= _PAIRED else labels[:3]):
        yield {**one, LABELS: given}
    yield from pairs
    for exception in exceptions:
        yield from (_excepted({**one, LABELS: given}, exception) for one, given in product(alone, labels[:3]))
    for exception in exceptions[:_EXCEPTIONS]:
        yield from (_excepted(pair, exception) for pair in pairs)


def _excepted(plain: dict[str, Any], exception: dict[str, Any]) -> dict[str, Any]:
    """A work with what a rule makes an exception for."""
    said = [*(plain.get(LABELS) or ()), *(exception.get(LABELS) or ())]
    return {**exception, **plain, LABELS: said or None}


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
    """A work that has two values, None where they are two of a field that holds one."""
    (name, value), (of, more) = *one.items(), *other.items()
    if name != of:
        return {**one, **other}
    return {name: [*value, *more]} if name in _LISTS else None


def _values(policy: Policy) -> set[tuple[str, str]]:
    """The fields and values that rules look for, but for labels, of which all are tried anyway."""
    ruled = (rule for rule in policy.rules if rule.field is not None and rule.field != LABELS)
    return {(str(rule.field), value) for rule in ruled for value in policy.values((*rule.any_of, *rule.none_of))}


def _exceptions(policies: Iterable[Policy]) -> list[dict[str, Any]]:
    """What rules make exceptions for, each once."""
    found: list[dict[str, Any]] = []
    for policy in policies:
        for rule in policy.rules:
            one = {name: _one(policy, name, values) for name, values in rule.unless.items()}
            if one and one not in found:
                found.append(one)
    return found


def _one(policy: Policy, name: str, values: tuple[str, ...]) -> Any:
    known: Mapping[str, str] = policy.values(values)
    return _as_field(name, next(iter(known), "anything"))


def _as_field(name: str, value: str) -> Any:
    return [value] if name in _LISTS else value
