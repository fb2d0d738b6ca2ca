"""Which labels hold of a work: every statement about it weighed by the five rules of docs/labels.md."""

from typing import Any

Record = dict[str, Any]
LAW = ("regulator", "rights_holder")


def holding(record: Record, statements: list[Record], version: int, now: float) -> list[Record]:
    """The statements that hold at ``now``, those of the work's own record among them."""
    own = [
        {"label": plain(name), "score": None, "territory": None, "source": "provider", "actor": "", "negates": False}
        | {"created": -1.0, "expires": None, "version": version}
        for name in record.get("labels") or ()
    ]
    alive = [one for one in own + statements if one["expires"] is None or now < one["expires"]]
    # 4. a model's label is of what it read
    fresh = [one for one in alive if one["source"] != "model" or one["version"] >= version]
    held = [one for one in fresh if not one["negates"] and _stands(one, fresh)]
    if any(one["source"] == "model" and one["version"] < version for one in alive) and not _judged(alive, version):
        held.append({"label": "error", "score": None, "territory": None, "source": "model"})
    return held


def plain(name: str) -> str:
    """A label as it is compared."""
    return name.strip().lower()


def voice(one: Record) -> tuple[str, str]:
    """1. Every model, rule and provider speaks for itself; people, regulators and rights holders with one voice."""
    return one["source"], one["actor"] if one["source"] in ("model", "rule", "provider") else ""


def _age(one: Record) -> tuple[int, float, bool]:
    return one["version"], one["created"], not one["negates"]


def _stands(one: Record, all_of_it: list[Record]) -> bool:
    if not _newest(one, all_of_it):
        return False
    for other in all_of_it:
        if not _newest(other, all_of_it):
            continue
        lifts = other["negates"] and other["label"] == one["label"] and other["territory"] in (None, one["territory"])
        if lifts and voice(other) == voice(one) and _age(other) > _age(one):
            return False
        # 2. a human lifts what machines said, whenever they said it, but 4. not what is found in a newer version
        machine = one["source"] in ("model", "rule", "provider")
        if lifts and other["source"] == "human" and machine and other["version"] >= one["version"]:
            return False
        if _settles(other, one):
            return False
    return True


def _newest(one: Record, all_of_it: list[Record]) -> bool:
    """Whether a voice has said nothing newer of this label there."""
    return not any(
        voice(other) == voice(one)
        and other["label"] == one["label"]
        and other["territory"] == one["territory"]
        and _age(other) > _age(one)
        for other in all_of_it
    )


def _settles(other: Record, one: Record) -> bool:
    """5. An error holds until its scanner or a person has said something newer."""
    if one["label"] != "error" or other["label"] == "error" or _age(other) <= _age(one):
        return False
    return voice(other) == voice(one) or (other["source"] == "human" and one["source"] not in LAW)


def _judged(alive: list[Record], version: int) -> bool:
    now = [one for one in alive if one["version"] >= version]
    if any(one["source"] == "human" for one in now):
        return True
    knew = {one["actor"] for one in alive if one["source"] == "model"}
    return knew <= {one["actor"] for one in now if one["source"] == "model"}
