"""Random campaigns and prominence quotas; campaigns come and go by their own times too."""

from random import Random
from typing import Any

from benchmarks.worlds.dice import Dice
from benchmarks.worlds.items import HOUR

Record = dict[str, Any]
KINDS = ("pin", "fill", "row", "boost", "bury", "exclude", "exclude", "present", "present", "present")
EDITORS = ("ed", "fay")
AUDIENCES: list[Record | None] = [
    None,
    None,
    {"text": "profile.language == 'zh'", "rule": ["profile", "language", "zh"]},
    {"text": "context.page == 'festival'", "rule": ["context", "page", "festival"]},
]


def campaign(rng: Dice, number: int, items: list[str], now: float) -> Record:
    """One campaign of one to three actions."""
    start = now + HOUR * rng.randint(-2, 24)
    return {
        "id": f"c{number}",
        "by": rng.choice(EDITORS),
        "actions": [_action(rng, items, f"c{number}") for _ in range(rng.randint(1, 3))],
        "surfaces": rng.choice([[], ["feed"], ["home", "search"], ["push", "hot"]]),
        "territories": rng.choice([[], [], ["DE"], ["CN", "US"]]),
        "audience": rng.choice(AUDIENCES),
        "start": start,
        "end": start + HOUR * rng.choice([1, 10, 60]),
        "zone": rng.choice(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York"]),
        "hours": rng.choice([None, None, [8 * 60, 20 * 60], [21 * 60, 3 * 60], [60, 150]]),
        "priority": rng.randint(0, 2),
        "user_day": rng.choice([None, None, 1, 5]),
        "share": rng.choice([None, None, 0.3]),
    }


def _action(rng: Random, items: list[str], name: str) -> Record:
    kind = rng.choice(KINDS)
    made: Record = {"kind": kind}
    if kind in ("fill", "row"):
        made |= {"slot": rng.randint(1, 8), "pool": rng.sample(items, 5), "size": rng.randint(1, 4)}
    else:
        made["item_id"] = rng.choice(items)
    if kind == "pin":
        made["slot"] = rng.randint(1, 12)
    if kind in ("boost", "bury"):
        made["factor"] = {"boost": 3.0, "bury": 0.4}[kind]
    if kind == "present":
        words = {"title": f"{name} says so", "artwork": f"https://pictures.example/{name}.png"}
        made |= {part: words[part] for part in rng.choice([["title"], ["artwork"], ["title", "artwork"]])}
    return made


def quota(rng: Random, number: int) -> Record:
    """A share of every list for one language or genre."""
    name, value = rng.choice([("language", "zh"), ("genres", "love"), ("media_type", "book")])
    surfaces = rng.choice([[], ["feed"], ["home"]])
    return {"id": f"q{number}", "field": name, "values": [value], "share": rng.choice([0.2, 0.5]), "surfaces": surfaces}
