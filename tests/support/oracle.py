"""What safety allows, from the rules, item by item, on the records themselves; it shares no code with the gate."""

from math import inf
from typing import Any, NamedTuple

from recsys.safety import Effective, Label, Policy, Takedown
from recsys.types import Viewer

RANK = ["allow", "label", "interstitial", "limit", "hold", "block", "takedown"]
SHOWN = {"allow", "label", "interstitial"}
BANDS = (3, 8, 12, 16, 18)


class Spans(NamedTuple):
    """Rights that open and close at the same moments everywhere but in Germany."""

    elsewhere: tuple[tuple[float, float], ...]
    germany: tuple[tuple[float, float], ...]

    def windows(self, territory: str | None) -> tuple[tuple[float, float], ...]:
        if territory is None:
            return tuple(span for span in self.elsewhere if span in self.germany)
        return self.germany if territory == "DE" else self.elsewhere


class Word(NamedTuple):
    """What was said of items beside their records."""

    labels: dict[str, tuple[Effective, ...]]
    rights: dict[str, Spans]


SILENT = Word({}, {})


def oracle(
    record: dict[str, Any],
    policy: Policy,
    viewer: Viewer,
    now: float,
    orders: list[Takedown],
    word: Word = SILENT,
) -> bool:
    place = viewer.territory if viewer.territory in {"DE", "FR", "CN"} else None
    for order in orders:
        if order.item_id == record["item_id"] and (order.territory is None or place in (None, order.territory)):
            return False
    right = word.rights.get(record["item_id"])
    if right is not None and not any(opens <= now < closes for opens, closes in right.windows(place)):
        return False
    said = word.labels.get(record["item_id"])
    packs = packs_of(policy, place)
    return (
        not garbage(record)
        and rights(record, place, now)
        and all(fits(record, pack, viewer, place, now, said) for pack in packs)
    )


def packs_of(policy: Policy, place: str | None) -> list[dict[str, Any]]:
    """The labels of each pack that holds; a viewer whose territory is unknown may be in Germany or not."""
    plain = {"pack": policy, "labels": policy.labels}
    if "DE" not in policy.territories:
        return [plain]
    german = {"pack": policy, "labels": {**policy.labels, **policy.territories["DE"].labels}}
    return [plain, german] if place is None else [german] if place == "DE" else [plain]


def garbage(record: dict[str, Any]) -> bool:
    start, end, age = record["available_from"], record["available_to"], record["min_age"]
    return (
        (start is not None and end is not None and start > end)
        or (age is not None and not 0 <= age <= 99)
        or any(label in {None, "", "ok|rude"} for label in record["labels"] or [])
        or any(code in {None, "USA"} for code in record["territories"] or [])
    )


def rights(record: dict[str, Any], place: str | None, now: float) -> bool:
    where = record["territories"]
    if where is not None and "WW" not in where and place not in where:
        return False
    if record["available_from"] is not None and now < record["available_from"].timestamp():
        return False
    if record["available_to"] is not None and now >= record["available_to"].timestamp():
        return False
    return record["embargo_until"] is None or now >= record["embargo_until"].timestamp()


def fits(
    record: dict[str, Any],
    pack: dict[str, Any],
    viewer: Viewer,
    place: str | None,
    now: float,
    said: tuple[Effective, ...] | None,
) -> bool:
    policy = pack["pack"]
    given, ages = labelled(record, policy, said)
    held = [one for one in given if now < one[3] and (place is None or one[2] in (None, place))]
    rules = policy.surfaces.get(viewer.surface)
    strict = rules is None or rules.strict
    for_minors = rules is None or rules.minors
    known_minor = viewer.age is not None and viewer.age < 18
    cleared_only = strict or (known_minor and rules.minors_cleared_only)
    if viewer.age is None or (for_minors and not known_minor):
        age = 3 if rules is None or rules.unknown_age is None else rules.unknown_age
    elif known_minor and cleared_only:
        age = max([band for band in BANDS if band <= viewer.age], default=0)
    else:
        age = viewer.age
    meanings = [meaning(name, score, pack["labels"]) for name, score, _, _ in held]
    least = max([*ages, *(one.min_age or 0 for one in meanings if one is not None)])
    verdicts = [
        label_verdict(one, policy, viewer.surface, error=name == "error")
        for (name, *_), one in zip(held, meanings, strict=True)
    ]
    firm = [one for one in held if not (place is None and one[2] is not None)]
    if cleared_only:
        return least <= age and bool(firm) and all(verdict == "allow" for verdict in verdicts)
    found = [verdict or rules.unknown_label.code for verdict in verdicts]
    worst = max([*found, *([] if firm else [rules.unlabelled.code])], key=RANK.index)
    return least <= age and worst in (SHOWN | {"limit"} if rules.show_limited else SHOWN)


def labelled(
    record: dict[str, Any], policy: Policy, said: tuple[Effective, ...] | None
) -> tuple[list[tuple[str, float | None, str | None, float]], list[int]]:
    """Labels with score, territory and end; the ages of the record and of the rules that apply."""
    labels = [(label.lower(), None, None, inf) for label in record["labels"] or []]
    if said is not None:  # the record's own are among them, unless somebody has lifted them
        labels = [(one.label, one.score, one.territory, inf if one.expires is None else one.expires) for one in said]
    ages = [record["min_age"] or 0]
    for rule in policy.rules:
        genres = {genre.lower() for genre in record["genres"] or []}
        hit = not labels if rule.otherwise else (genres & set(rule.any_of)) and not (genres & set(rule.none_of))
        if hit:
            labels += [(label, None, None, inf) for label in rule.labels]
            ages.append(rule.min_age or 0)
    return labels, ages


def meaning(label: str, score: float | None, labels: dict[str, Label]) -> Any:
    """The label, or of its bands the last that starts at or below the score."""
    if label not in labels:
        return None
    entry = labels[label]
    return [entry, *(band for band in entry.bands if score is not None and band.at_least <= score)][-1]


def label_verdict(entry: Any, policy: Policy, surface: str, *, error: bool) -> str | None:
    if error:
        return "hold"
    if entry is None:
        return None
    if surface in policy.surfaces:
        return entry.surfaces.get(surface, entry.verdict).code
    return max([entry.verdict.code, *(verdict.code for verdict in entry.surfaces.values())], key=RANK.index)
