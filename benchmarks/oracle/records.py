"""Records of works: which cannot be, and what is left where one takes the place of another."""

from typing import Any

from benchmarks.oracle.places import place
from benchmarks.oracle.verdicts import asked_ages, drawn, least_age

Record = dict[str, Any]


def garbage(record: Record) -> bool:
    """Whether a field is something that it cannot be."""
    start, end, age = record.get("available_from"), record.get("available_to"), record.get("min_age")
    return (
        (start is not None and end is not None and start > end)
        or (age is not None and not 0 <= age <= 99)
        or any(not label.strip() or "|" in label for label in record.get("labels") or ())
        or any(code != "WW" and place(code) is None for code in record.get("territories") or ())
    )


def stricter(pack: Record, old: Record, new: Record) -> Record:
    """The new record with the stricter of both in all that safety goes by."""
    found: Record = {}
    found["labels"] = _joined(old, new, "labels")
    for name, choose in (("min_age", max), ("available_from", max), ("available_to", min), ("embargo_until", max)):
        given = [record[name] for record in (old, new) if record.get(name) is not None]
        found[name] = choose(given) if given else None
    found["territories"] = _both(old.get("territories"), new.get("territories"))
    found["ratings"] = _joined(old, new, "ratings")
    rated, ages = pack.get("rated_media", []), (asked_ages(pack, old), asked_ages(pack, {**new, **found}))
    if any(now < was for was, now in zip(*ages, strict=True)):  # another board would outrank it somewhere
        found["ratings"] = old["ratings"]
    if old.get("media_type") in rated and new.get("media_type") not in rated:
        found["media_type"] = old["media_type"]
    # what the pack's rules made of the old record stays as well
    after = {**new, **found}
    lost = sorted(set(drawn(pack, old)) - set(drawn(pack, after)))
    after["labels"] = found["labels"] = [*(found["labels"] or ()), *lost] or None
    found["min_age"] = least_age(pack, old) if least_age(pack, old) > least_age(pack, after) else found["min_age"]
    return {name: value for name, value in {**new, **found}.items() if value is not None}


def _joined(old: Record, new: Record, name: str) -> list[str] | None:
    return list(dict.fromkeys([*(old.get(name) or ()), *(new.get(name) or ())])) or None


def _both(old: list[str] | None, new: list[str] | None) -> list[str] | None:
    if new is None or "WW" in new:
        return old
    if old is None or "WW" in old:
        return new
    return [code for code in new if code in old]
