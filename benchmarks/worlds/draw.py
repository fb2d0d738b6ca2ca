"""A world from a seed: what there is, and then what happens, step by step."""

from random import Random
from typing import Any

from benchmarks.oracle import Ledger
from benchmarks.worlds.campaigns import campaign, quota
from benchmarks.worlds.items import CODES, HOUR, START, document, moment, record, statement
from benchmarks.worlds.packs import SURFACES, pack

Record = dict[str, Any]
DIMENSIONS = ("rights", "takedowns", "labels", "users", "overrides", "caps", "filters", "series", "pages")
DIMENSIONS += ("documents", "upserts", "jumps", "failures", "stale", "rebuilds", "campaigns", "ticks")
FAILURES = ("controls", "state", "silent", "first", "popular", "score", "rerank", "everything")
FILTERS: list[tuple[str, list[Any]]] = [
    ("'war' in genres", ["contains", "genres", "war"]),
    ("year >= 1990", [">=", "year", 1990]),
    ("year < 2010 && language == 'zh'", ["and", ["<", "year", 2010], ["==", "language", "zh"]]),
    ("media_type != 'news' || has(year)", ["or", ["!=", "media_type", "news"], ["has", "year", None]]),
    ("'slow' in tags", ["contains", "tags", "slow"]),
]
USERS = tuple(f"u{n}" for n in range(6))


def world(seed: int, requests: int, dims: frozenset[str] = frozenset(DIMENSIONS)) -> Record:
    """A world in which about so many lists are asked for."""
    rng = Random(seed)
    size = rng.choice([30, 40, 60, 90, 130, 200])
    made: Record = {
        "seed": seed,
        "now": START,
        "returns": rng.random() < 0.2,
        "pack": pack(rng, dims),
        "items": [record(rng, f"i{n:03}", dims) for n in range(size)],
        "scores": [[_score(rng) for _ in range(size)] for _ in range(2)],
        "content": rng.random() < 0.25,
        "diversity": rng.choice([0.0, 0.0, 0.5]),
        "exploration": rng.choice([0.0, 0.5]),
        "campaigns": [],
        "quotas": [],
        "steps": [],
    }
    if "campaigns" in dims:
        names = [item["item_id"] for item in made["items"]]
        made["campaigns"] = [campaign(rng, number, names) for number in range(rng.randint(0, 12))]
        made["quotas"] = [quota(rng, number) for number in range(rng.choice([0, 0, 1, 2]))]
    _Teller(rng, made, dims).tell(requests)
    return made


def _score(rng: Random) -> float | None:
    return None if rng.random() < 0.15 else round(rng.random(), 3)


class _Teller:
    """Makes up what happens next; a ledger of its own tells it what there is to restore or revoke."""

    def __init__(self, rng: Random, made: Record, dims: frozenset[str]) -> None:
        self._rng, self._made, self._dims = rng, made, dims
        self._ledger = Ledger(made)
        self._count = 0
        kinds = {
            "takedowns": (self._takedown, 3),
            "labels": (self._label, 6),
            "users": (self._controls, 4),
            "overrides": (self._override, 6),
            "documents": (self._document, 3),
            "upserts": (self._upsert, 3),
            "failures": (self._fail, 4),
            "stale": (self._confirm, 3),
            "rebuilds": (self._rebuild, 1),
            "ticks": (self._tick, 2),
        }
        chosen = [(make, weight) for name, (make, weight) in kinds.items() if name in dims]
        chosen.append((self._clock, 6))
        if "users" in dims:
            chosen.append((self._saw, 6))
        self._makers, self._weights = zip(*chosen, strict=True)

    def tell(self, requests: int) -> None:
        asked = 0
        for _ in range(8):
            self._happens()
        while asked < requests:
            for _ in range(self._rng.randint(2, 24)):
                self._add(self._ask())
                asked += 1
            self._happens()

    def _happens(self) -> None:
        make = self._rng.choices(self._makers, self._weights)[0]
        self._add(make())

    def _add(self, step: Record | None) -> None:
        if step is not None:
            self._ledger.tell(step)
            self._made["steps"].append(step)

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def _item(self) -> str:
        return self._rng.choice(list(self._ledger.items))

    def _some(self, most: int) -> list[str]:
        return [self._item() for _ in range(self._rng.randint(0, most))]

    def _ask(self) -> Record:
        rng, dims = self._rng, self._dims
        condition = rng.choice(FILTERS) if "filters" in dims and rng.random() < 0.2 else None
        return {
            "do": "ask",
            "surface": rng.choice([*SURFACES, "feed", "feed", "popup"]),
            "territory": rng.choice([*CODES, None, "DE", "JP", "WW", "nowhere", "de"]),
            "age": rng.choice([None, 0, 2, 5, 8, 12, 13, 15, 16, 17, 18, 30, 30, 30, -1]),
            "personalised": rng.random() < 0.85,
            "k": rng.choice([1, 3, 5, 10, 10, 20, 50, 250]),
            "user": rng.choice([None, *USERS]) if "users" in dims else None,
            "session": self._some(3) if rng.random() < 0.3 else [],
            "exclude": [*self._some(4), "absent"] if rng.random() < 0.2 else [],
            "filter": None if condition is None else {"text": condition[0], "rule": condition[1]},
            "series": rng.choice(["next", "next", "all"]),
            "similar_to": self._item() if rng.random() < 0.05 else None,
            "profile": rng.choice([{}, {"language": "zh"}, {"language": "en"}]),
            "context": rng.choice([{}, {}, {"page": "festival"}]),
            "explain": rng.random() < 0.3,
            "seed": rng.choice([None, rng.randint(0, 9)]),
            "late": rng.random() < 0.03,
            "pages": rng.choice([2, 4]) if "pages" in dims and rng.random() < 0.05 else 1,
        }

    def _clock(self) -> Record:
        rng, now = self._rng, self._ledger.now
        if "jumps" in self._dims and rng.random() < 0.2:
            return {"do": "clock", "to": rng.choice([now - rng.choice([60.0, HOUR, 10 * HOUR]), moment(rng)])}
        return {"do": "clock", "to": now + rng.choice([0.5, 60.0, 600.0, HOUR, 5 * HOUR])}

    def _confirm(self) -> Record:
        return {"do": "confirm", "at": self._ledger.now - self._rng.choice([0.0, 0.0, 0.0, 119.0, 121.0, 1e6])}

    def _tick(self) -> Record:
        return {"do": "tick", "by": self._rng.choice([0.0, 0.0, 0.0, 30.0, 120.0])}

    def _rebuild(self) -> Record:
        return {"do": "rebuild"}

    def _fail(self) -> Record:
        rng = self._rng
        return {"do": "fail", "what": sorted(rng.sample(FAILURES, rng.choice([0, 0, 0, 1, 1, 2])))}

    def _takedown(self) -> Record | None:
        rng, orders = self._rng, self._ledger.orders
        if orders and rng.random() < 0.45:
            return {"do": "restore", "id": rng.choice(list(orders))}
        item, territory = rng.choice([self._item(), "absent"]), rng.choice([None, "DE", "CN", "JP"])
        if any((one["item_id"], one["territory"]) == (item, territory) for one in orders.values()):
            return None
        return {"do": "takedown", "id": self._id("td"), "item_id": item, "territory": territory}

    def _label(self) -> Record:
        self._count += 1
        return statement(self._rng, self._item(), self._count)

    def _document(self) -> Record:
        return document(self._rng, self._item())

    def _override(self) -> Record:
        rng, now = self._rng, self._ledger.now
        if self._ledger.overrides and rng.random() < 0.3:
            return {"do": "revoke", "id": rng.choice(list(self._ledger.overrides))}
        action = rng.choice(["pin", "pin", "boost", "bury", "exclude"])
        start = now + rng.choice([-HOUR, 0.0, HOUR])
        return {
            "do": "override",
            "id": self._id("ov"),
            "action": action,
            "item_id": self._item() if rng.random() < 0.95 else "absent",
            "slot": rng.choice([1, 1, 2, 3, 7, 15]) if action == "pin" else None,
            "factor": {"boost": 4.0, "bury": 0.3}.get(action),
            "surfaces": rng.choice([[], ["feed"], ["home", "minor"], ["popup", "search"]]),
            "territories": rng.choice([[], [], ["DE"], ["CN", "US"]]),
            "start": start,
            "end": start + rng.choice([600.0, HOUR, 30 * HOUR]),
            "priority": rng.randint(0, 2),
        }

    def _controls(self) -> Record:
        rng = self._rng
        return {
            "do": "controls",
            "user": rng.choice(USERS),
            "personalised": rng.random() < 0.8,
            "hidden": self._some(6),
            "unwanted": self._some(3),
        }

    def _saw(self) -> Record:
        return {"do": "saw", "user": self._rng.choice(USERS), "item_id": self._item(), "id": self._id("ev")}

    def _upsert(self) -> Record:
        rng = self._rng
        loosens = rng.random() < 0.4
        if rng.random() < 0.3:
            name = f"n{len(self._ledger.items)}"
            return {"do": "upsert", "record": record(rng, name, self._dims), "loosens": loosens}
        name = self._item()
        fresh, known = record(rng, name, self._dims), self._ledger.items[name]
        safety = ("labels", "min_age", "territories", "available_from", "available_to", "embargo_until", "ratings")
        kept = {key: value for key, value in known.items() if key not in safety}
        changed = fresh if loosens else {**kept, **{key: fresh[key] for key in safety if key in fresh}}
        return {"do": "upsert", "record": changed, "loosens": loosens}
