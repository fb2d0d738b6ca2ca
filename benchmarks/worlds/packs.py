"""Random packs: every kind of thing that docs/policy.md names, each now and then."""

from random import Random
from typing import Any

Record = dict[str, Any]
SURFACES = ("feed", "search", "home", "push", "hot", "minor")
LABELS = ("general", "teen", "rude", "grim", "synthetic", "ai", "poster")
GENRES = ("war", "love", "crime", "sea")
VERDICTS = ("allow", "label", "interstitial", "limit", "hold", "block")
AGES = (0, 3, 8, 12, 13, 16, 18)


def pack(rng: Random, dims: frozenset[str], version: int = 0) -> Record:
    """A pack that the loader takes."""
    bands = rng.choice([[3, 8, 12, 16, 18], [3, 8, 12, 16, 18], [6, 14, 18], [0, 16]])
    made: Record = {
        "name": "drawn",
        "version": str(version),
        "age_bands": bands,
        "confirm_within": float(rng.choice([60, 120, 600])),
        "surfaces": {name: _surface(rng, name, bands[0], dims) for name in SURFACES},
        "labels": {name: _label(rng, name) for name in LABELS},
        "lists": {"heavy": ["war", "crime"]},
    }
    if rng.random() < 0.3:
        made["rated_media"] = ["film"]
        made["foreign_ratings"] = rng.choice(["where_missing", "always", "never"])
    if rng.random() < 0.5:
        made["topic"] = "tags"
    if rng.random() < 0.6:
        made["rules"] = rng.sample(_rules(rng), rng.randint(1, 3))
    if rng.random() < 0.4:
        made["minors"] = _minors(rng)
    if rng.random() < 0.6:
        made["regions"] = {"north": ["FR", "GB"], "west": ["GB", "US"]}
        names = rng.sample(["DE", "FR", "CN", "GB", "north", "west"], rng.randint(1, 4))
        made["territories"] = {name: _entry(rng, bands[0], made["surfaces"], name) for name in names}
    return made


def local(rng: Random, scope: str, base: Record, version: int) -> Record:
    """A pack of one territory or region, to stand on a base."""
    entry = _entry(rng, base["age_bands"][0], base["surfaces"], scope)
    return {"name": "drawn", "version": str(version), "territory": scope, **entry}


def _mostly(rng: Random, usual: Any, others: Any, share: float = 0.25) -> Any:
    return rng.choice(others) if rng.random() < share else usual


def _surface(rng: Random, name: str, lowest: int, dims: frozenset[str]) -> Record:
    strict = name not in ("feed", "search")
    made: Record = {"strict": strict, "minors": name == "minor"}
    if strict:
        made["unlabelled"] = made["unknown_label"] = rng.choice(["hold", "hold", "block"])
        made["unknown_age"] = rng.choice([None, 0, lowest])
    else:
        made["unlabelled"] = _mostly(rng, "allow", VERDICTS)
        made["unknown_label"] = _mostly(rng, "label", VERDICTS)
        made["unknown_age"] = rng.choice([None, 12, 16, 18])
        made["minors_cleared_only"] = rng.random() < 0.5
        made["show_limited"] = name == "search" and rng.random() < 0.7
    made["unrated"] = rng.choice(["allow", "allow", "label", "hold", "block"])
    if "caps" in dims:
        made["max_per_creator"] = rng.choice([None, 1, 2, 3])
        made["max_per_topic"] = rng.choice([None, None, 1, 2, 4])
    return made


def _meaning(rng: Random) -> Record:
    made: Record = {"verdict": _mostly(rng, "allow", VERDICTS, 0.4), "min_age": _mostly(rng, None, AGES, 0.4)}
    made["surfaces"] = {
        name: _mostly(rng, "allow", VERDICTS, 0.6) for name in rng.sample(SURFACES, rng.choice([0, 0, 1, 2]))
    }
    return made


def _label(rng: Random, name: str) -> Record:
    made: Record = {"verdict": "allow"} if name == "general" else _meaning(rng)
    if name == "synthetic":
        made["clears"] = False
    if name == "poster":
        made["part"] = rng.choice(["artwork", "title"])
    if name in ("rude", "grim") and rng.random() < 0.6:
        starts = [0.0, 0.4, 0.8][: rng.randint(1, 3)]
        made["bands"] = [{"at_least": start, **_meaning(rng)} for start in starts]
    return made


def _rules(rng: Random) -> list[Record]:
    return [
        {"field": "genres", "any_of": ["list:heavy"], "none_of": ["love"], "labels": ["grim"], "min_age": 13},
        {"field": "genres", "any_of": ["war"], "unless": {"labels": ["ai"]}, "labels": ["rude"]},
        {"field": "media_type", "any_of": ["news"], "unless": {"licence": ["wire"]}, "labels": ["grim"]},
        {"field": "media_type", "any_of": ["film"], "unless": {"descriptors": []}, "labels": ["teen"]},
        {"field": "labels", "any_of": ["synthetic"], "unless": {"labels": ["ai"]}, "labels": ["grim"]},
        {"field": "labels", "any_of": ["rude", "teen"], "none_of": ["general"], "labels": ["poster", "grim"]},
        {"otherwise": True, "labels": [rng.choice(["general", "teen"])]},
    ]


def _minors(rng: Random) -> Record:
    made: Record = {"break_seconds": rng.choice([None, 1800])}
    if rng.random() < 0.8:
        made["curfew"] = {"starts": rng.choice(["22:00", "01:00"]), "ends": "06:00"}
        made["curfew"]["shows"] = rng.choice(["nothing", "cleared"])
        made["zones"] = {"CN": ["Asia/Shanghai"], **rng.choice([{}, {"DE": ["Europe/Berlin"]}])}
    return made


def _entry(rng: Random, lowest: int, surfaces: Record, place: str) -> Record:
    made: Record = {"labels": {name: _label(rng, name) for name in rng.sample(LABELS[1:], rng.randint(0, 2))}}
    changes: Record = {}
    for name in rng.sample(SURFACES, rng.randint(0, 2)):
        if surfaces[name]["strict"]:
            changes[name] = {"unrated": rng.choice(["hold", "block"]), "max_per_creator": rng.choice([1, 2])}
        elif rng.random() < 0.3:
            shut = {"strict": True, "show_limited": False, "unlabelled": "hold", "unknown_label": "hold"}
            changes[name] = {**shut, "unknown_age": lowest}
        elif place in ("DE", "CN"):  # of no region, whose entry might be strict
            changes[name] = {"unlabelled": rng.choice(VERDICTS), "unknown_age": rng.choice([0, 8])}
        else:
            changes[name] = {"unlabelled": rng.choice(["hold", "block"]), "unknown_age": 0}
    made["surfaces"] = changes
    if rng.random() < 0.3:
        made["minors"] = _minors(rng)
    return made
