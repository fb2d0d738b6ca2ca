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
_PAIRED = 40  # labels up to which each pair of them is tried
_VALUES = 50  # values of one rule that are tried beside those in which two packs differ
_LISTS = frozenset({*LIST_FIELDS, *JUDGED_LISTS})

Said = dict[str, tuple[Effective, ...]]


def probes(old: Policy, new: Policy) -> tuple[list[dict[str, Any]], Said]:
    """Records of such works, and what is said of those whose labels come with a score; by item id."""
    records: list[dict[str, Any]] = [{LABELS: None}, {LABELS: ["a label of no pack"]}]
    starts = _bands([old, new])
    names = sorted(starts)
    records += [{LABELS: [name]} for name in names]
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
    """A work for each value that a rule on a field looks for, with and without what it makes an exception of."""
    sides = [_values(old), _values(new)]
    for field in sorted({*sides[0], *sides[1]}):
        before, after = (side.get(field, {}) for side in sides)
        tried = sorted({*list(before)[:_VALUES], *list(after)[:_VALUES], *(before.keys() ^ after.keys())})
        for value in tried:
            plain = {field: [value] if field in _LISTS else value}
            yield plain
            yield {**plain, LABELS: ["general"]}
            for exception in (before.get(value), after.get(value)):
                if exception:
                    yield {**exception, **plain}


def _values(policy: Policy) -> dict[str, dict[str, dict[str, Any]]]:
    """By field, then value: an exception that a rule makes for it."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for rule in policy.rules:
        if rule.field is None or rule.field == LABELS:
            continue
        exception = {name: _one(policy, name, values) for name, values in rule.unless.items()}
        for value in policy.values((*rule.any_of, *rule.none_of)):
            found.setdefault(rule.field, {})[value] = exception
    return found


def _one(policy: Policy, name: str, values: tuple[str, ...]) -> Any:
    known: Mapping[str, str] = policy.values(values)
    value = next(iter(known), "anything")
    return [value] if name in _LISTS else value
