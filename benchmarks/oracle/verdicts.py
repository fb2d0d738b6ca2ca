"""What a pack says of one work to one viewer."""

from typing import Any

from benchmarks.oracle.packs import asleep, surface, worst

Record = dict[str, Any]
BOARDS = {  # board → (where it is one, the youngest age that a rating is fit for)
    "fsk": ({"DE"}, {"0": 0, "6": 6, "12": 12, "16": 16, "18": 18}),
    "mpa": ({"US"}, {"g": 0, "pg": 8, "pg-13": 13, "r": 17, "nc-17": 18}),
}
SHOWN = ["allow", "label", "interstitial"]


def stance(pack: Record, ask: Record, scene: Record) -> Record:
    """How a pack sees a viewer: what they may see at most, whatever the work.

    ``scene`` has the viewer's ``territory``, the moment ``now`` and whether the policy is ``stale``.
    """
    rules, bands = surface(pack, ask["surface"]), pack.get("age_bands", [3, 8, 12, 16, 18])
    known = None if ask["age"] is None else max(0, ask["age"])
    minor = rules["minors"] or (known is not None and known < bands[-1])
    night = asleep(pack, scene["territory"], scene["now"]) if minor else None
    pool = rules["strict"] or (minor and rules["minors_cleared_only"]) or night is not None or scene["stale"]
    shut = "curfew" if night is not None and night.get("shows", "cleared") == "nothing" else ""
    shut = "stale" if scene["stale"] and rules["strict"] else shut
    age = viewer_age(rules, bands, known, pool=pool)
    shown = [*SHOWN, "limit"] if rules["show_limited"] else SHOWN
    seen = {"shut": shut, "pool": pool, "age": age, "rules": rules, "shown": shown}
    return {**seen, "where": scene["territory"], "surface": ask["surface"], "minor": minor}


def shows(pack: Record, record: Record, labels: list[Record], seen: Record, *, cleared: bool) -> str:
    """Why the pack does not let the viewer see the work, "" where it does.

    ``labels`` are those that hold of the work anywhere; ``seen`` is the viewer's stance; ``cleared`` asks for the
    cleared pool whatever the surface.
    """
    where, rules, pool = seen["where"], seen["rules"], seen["pool"]
    if seen["shut"]:
        return str(seen["shut"])
    judged = [(one, pack["labels"].get(one["label"])) for one in _labelled(pack, record, labels, where)]
    whole = [(one, label) for one, label in judged if label is None or label.get("part", "item") == "item"]
    found = [(one, label, _verdict(one, label, seen["surface"], pack, rules)) for one, label in whole]
    firm = [one for one in found if not (where is None and one[0]["territory"])]
    rated, rated_age = _rated(pack, record, rules, where, pool=pool)
    ages = [record.get("min_age") or 0, rated_age, *(_least_age(one, label) for one, label, _ in found)]
    if max(ages) > seen["age"]:
        return f"age: {max(ages)} above {seen['age']}"
    spoken = any(label is None or label.get("clears", True) for _, label, _ in firm)
    verdict = worst("allow", *(what for *_, what in found), *([] if spoken else [rules["unlabelled"]]))
    if rated not in seen["shown"]:
        return "rating"
    if pool or cleared:
        clearing = [one for one, label, _ in firm if label is not None and label.get("clears", True)]
        good = all(what == "allow" and label is not None for _, label, what in found)
        if not (clearing and good and verdict == "allow"):
            return "not cleared"
        if cleared and (rated != "allow" or not any(one.get("source") == "human" for one in clearing)):
            return "no person has cleared it"
    return "" if verdict in seen["shown"] else f"verdict {verdict}"


def hidden_parts(pack: Record, record: Record, labels: list[Record], seen: Record) -> set[str]:
    """The title or the artwork, where a label of that part alone forbids it; in the cleared pool, does not allow it."""
    fine = ["allow"] if seen["pool"] else seen["shown"]
    found = set()
    for one in _labelled(pack, record, labels, seen["where"]):
        label = pack["labels"].get(one["label"])
        part = "item" if label is None else label.get("part", "item")
        if part != "item" and _verdict(one, label, seen["surface"], pack, seen["rules"]) not in fine:
            found.add(part)
    return found


def viewer_age(rules: Record, bands: list[int], known: int | None, *, pool: bool) -> int:
    """The age that minimum ages are compared with."""
    adult_among_minors = known is not None and rules["minors"] and known >= bands[-1]
    if known is None or adult_among_minors:
        assumed = bands[0] if rules["unknown_age"] is None else int(rules["unknown_age"])
        return min(assumed, bands[0]) if rules["strict"] else assumed
    if pool and known < bands[-1]:
        return max((band for band in bands if band <= known), default=0)
    return known


def _labelled(pack: Record, record: Record, labels: list[Record], where: str | None) -> list[Record]:
    """The labels that hold for the viewer, with those that rules give."""
    here = [one for one in labels if where is None or one["territory"] in (None, where)]
    firm = {one["label"] for one in here if one["territory"] is None or where is not None}
    given = here + _by_fields(pack, record, bool(labels), firm)
    held = {one["label"] for one in given}
    drawn = {one["label"] for one in given if "rule" in one}
    made = []
    for rule in pack.get("rules", []):
        if rule.get("field") != "labels":
            continue
        hits = held & _listed(pack, rule["any_of"])
        kept = (firm | drawn) & _listed(pack, rule.get("none_of", []))
        if hits and not kept and not _excepted(pack, record, rule, firm):
            sure = any(one["label"] in hits and (one["territory"] is None or where is not None) for one in given)
            made += [{**_of_rule(name, rule), "territory": None if sure else "somewhere"} for name in rule["labels"]]
    return given + made


def _by_fields(pack: Record, record: Record, any_label: bool, firm: set[str]) -> list[Record]:
    given = []
    for rule in pack.get("rules", []):
        if rule.get("field") == "labels":
            continue
        if rule.get("otherwise"):
            hit = not any_label
        else:
            values = _values(record, rule["field"])
            hit = bool(values & _listed(pack, rule["any_of"])) and not values & _listed(pack, rule.get("none_of", []))
            hit = hit and not _excepted(pack, record, rule, firm)
        if hit:
            any_label = True
            given += [_of_rule(name, rule) for name in rule["labels"]]
    return given


def drawn(pack: Record, record: Record) -> list[str]:
    """The labels of a record and those that rules draw from its fields."""
    own = [label.strip().lower() for label in record.get("labels") or ()]
    return own + [one["label"] for one in _by_fields(pack, record, bool(own), set(own))]


def least_age(pack: Record, record: Record) -> int:
    """The youngest age that a record makes its work fit for, wherever."""
    own = [label.strip().lower() for label in record.get("labels") or ()]
    ages = [record.get("min_age") or 0, *(pack["labels"].get(name, {}).get("min_age") or 0 for name in own)]
    given = _by_fields(pack, record, bool(own), set(own))
    ages += [_least_age(one, pack["labels"].get(one["label"])) for one in given]
    for rating in record.get("ratings") or ():
        board, _, value = rating.lower().partition(":")
        ages.append(_values_of(board).get(value, 0))
    return max(ages)


def _of_rule(name: str, rule: Record) -> Record:
    return {"label": name, "score": None, "territory": None, "rule": True, "rule_age": rule.get("min_age") or 0}


def _excepted(pack: Record, record: Record, rule: Record, firm: set[str]) -> bool:
    for field, some in rule.get("unless", {}).items():
        values = firm if field == "labels" else _values(record, field)
        if values & _listed(pack, some) if some else values:
            return True
    return False


def _listed(pack: Record, values: list[str]) -> set[str]:
    found: set[str] = set()
    for value in values:
        found |= set(pack["lists"][value[5:]]) if value.startswith("list:") else {value}
    return {value.lower() for value in found}


def _values(record: Record, field: str) -> set[str]:
    given = record.get(field)
    values = [given] if isinstance(given, str) else given or []
    return {value.lower() for value in values}


def _meaning(one: Record, label: Record) -> Record:
    """A label that comes with a score means what its band says, and only that."""
    if one["score"] is None:
        return label
    return next((band for band in reversed(label.get("bands", [])) if band["at_least"] <= one["score"]), label)


def _verdict(one: Record, label: Record | None, on: str, pack: Record, rules: Record) -> str:
    if one["label"] == "error":
        return "hold"
    if label is None:
        return str(rules["unknown_label"])
    said = _meaning(one, label)
    if on in pack["surfaces"]:
        return str(said.get("surfaces", {}).get(on, said["verdict"]))
    return worst(said["verdict"], *said.get("surfaces", {}).values())


def _least_age(one: Record, label: Record | None) -> int:
    of_label = 0 if label is None else _meaning(one, label).get("min_age") or 0
    return max(of_label, one.get("rule_age", 0))


def _rated(pack: Record, record: Record, rules: Record, where: str | None, *, pool: bool) -> tuple[str, int]:
    """The verdict on ratings, and the age that they make."""
    known = []
    for rating in record.get("ratings") or ():
        board, _, value = rating.lower().partition(":")
        if board not in BOARDS or value not in BOARDS[board][1]:
            return "hold", 0
        known.append((BOARDS[board][0], BOARDS[board][1][value]))
    counted = _counted(pack, known, where)
    if not counted and record.get("media_type") in pack.get("rated_media", []) and rules["unrated"] != "allow":
        return (worst(rules["unrated"], "hold") if pool else rules["unrated"]), 0
    return "allow", max(counted, default=0)


def _counted(pack: Record, known: list[tuple[set[str], int]], where: str | None) -> list[int]:
    """Of ratings (where one is local, its age) the ages of those that count in a territory."""
    local = [age for places, age in known if where is None or where in places]
    every, foreign = [age for _, age in known], pack.get("foreign_ratings", "where_missing")
    return every if foreign == "always" or (foreign == "where_missing" and not local) else local


def asked_ages(pack: Record, record: Record) -> list[int]:
    """The age (-1 none) that the readable ratings of a record ask for in each territory that tells them apart."""
    given = [rating.lower().partition(":") for rating in record.get("ratings") or ()]
    known = [(BOARDS[board][0], BOARDS[board][1][value]) for board, _, value in given if value in _values_of(board)]
    return [max(_counted(pack, known, where), default=-1) for where in (None, "DE", "US", "elsewhere")]


def _values_of(board: str) -> Record:
    return BOARDS.get(board, (set(), {}))[1]
