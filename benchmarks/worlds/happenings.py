"""Everything that happens to a service between its requests, drawn one by one."""

from collections.abc import Callable
from typing import Any

from benchmarks.oracle import Ledger
from benchmarks.worlds.asks import USERS
from benchmarks.worlds.campaigns import EDITORS, campaign
from benchmarks.worlds.dice import Dice
from benchmarks.worlds.items import HOUR, document, moment, record, statement
from benchmarks.worlds.packs import local, pack

Record = dict[str, Any]
DIMENSIONS = ("rights", "takedowns", "labels", "users", "overrides", "caps", "filters", "series", "pages")
DIMENSIONS += ("documents", "upserts", "jumps", "failures", "stale", "rebuilds", "campaigns", "ticks", "policies")
FAILURES = ("controls", "state", "silent", "first", "popular", "score", "rerank", "everything")
SAFETY = ("labels", "min_age", "territories", "available_from", "available_to", "embargo_until", "ratings")
SCOPES = ("DE", "FR", "CN", "JP", "north")


class Happenings:
    """Makes up what happens next; the ledger tells it what there is to restore or revoke."""

    def __init__(self, rng: Dice, dims: frozenset[str], ledger: Ledger) -> None:
        self._rng, self._dims, self._ledger = rng, dims, ledger
        self._count = 0
        kinds: dict[str, list[tuple[Callable[[], Record | None], int]]] = {
            "takedowns": [(self._takedown, 3)],
            "labels": [(self._label, 6)],
            "users": [(self._controls, 4), (self._saw, 6), (self._erase, 1)],
            "overrides": [(self._override, 6), (self._halt, 2)],
            "documents": [(self._document, 3)],
            "upserts": [(self._upsert, 3)],
            "failures": [(self._fail, 4)],
            "stale": [(self._confirm, 3)],
            "rebuilds": [(self._rebuild, 1)],
            "campaigns": [(self._campaign, 4)],
            "ticks": [(self._tick, 1)],
            "policies": [(self._policy, 3)],
        }
        chosen = [each for name, makers in kinds.items() if name in dims for each in makers]
        self._makers, self._weights = zip(*[*chosen, (self._clock, 6)], strict=True)

    def next(self) -> Record | None:
        """Something, or nothing where there is nothing to undo."""
        made: Record | None = self._rng.choices(self._makers, self._weights)[0]()
        return made

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._count}"

    def _item(self) -> str:
        return self._rng.choice(list(self._ledger.items))

    def _some(self, most: int) -> list[str]:
        return [self._item() for _ in range(self._rng.randint(0, most))]

    def _clock(self) -> Record:
        rng, now = self._rng, self._ledger.now
        if "jumps" in self._dims and rng.random() < 0.2:
            return {"do": "clock", "to": rng.choice([now - rng.choice([60.0, HOUR, 10 * HOUR]), moment(rng)])}
        return {"do": "clock", "to": now + rng.choice([0.5, 60.0, 600.0, HOUR, 5 * HOUR])}

    def _confirm(self) -> Record:
        return {"do": "confirm", "at": self._ledger.now - self._rng.choice([0.0, 0.0, 0.0, 119.0, 121.0, 1e6])}

    def _tick(self) -> Record:
        return {"do": "tick", "by": self._rng.choice([30.0, 120.0])}

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
            "by": rng.choice(EDITORS),
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

    def _halt(self) -> Record | None:
        """A kill switch is thrown, or released by two people."""
        rng, thrown = self._rng, self._ledger.halts
        if thrown and rng.random() < 0.6:
            return {"do": "release", "id": rng.choice(list(thrown))}
        orders = [*self._ledger.overrides, *self._ledger.campaigns]
        scope = rng.choice(["campaign", "campaign", "editor", "all"] if orders else ["editor", "all"])
        key = {"campaign": rng.choice(orders or [""]), "editor": rng.choice(EDITORS), "all": ""}[scope]
        if any((one["scope"], one["key"]) == (scope, key) for one in thrown.values()):
            return None
        return {"do": "halt", "id": self._id("halt"), "scope": scope, "key": key}

    def _campaign(self) -> Record | None:
        """A campaign is filed and approved, or one on air is changed, paused, put on air again or revoked."""
        rng, running, paused = self._rng, self._ledger.campaigns, self._ledger.paused
        act = rng.choice(["file", "file", "tighten", "pause", "resume", "revoke"])
        if act == "file" and len(running) < 12:
            made = self.campaign()
            return {"do": "campaign", "act": "file", "id": made["id"], "campaign": made}
        if act == "resume" and paused:
            return {"do": "campaign", "act": "resume", "id": rng.choice(list(paused))}
        if act in ("file", "resume") or not running:
            return None
        name = rng.choice(list(running))
        if act != "tighten":
            return {"do": "campaign", "act": act, "id": name}
        one = running[name]
        # What keeps works away is not tightened by an earlier end, but by fewer places given to others.
        away = any(action["kind"] in ("exclude", "bury") for action in one["actions"])
        tighter = {"user_day": 1} if away else {"end": (one["start"] + one["end"]) / 2}
        return {"do": "campaign", "act": act, "id": name, "campaign": {**one, **tighter}}

    def campaign(self) -> Record:
        """A campaign of these days."""
        self._count += 1
        return campaign(self._rng, self._count, list(self._ledger.items), self._ledger.now)

    def _policy(self) -> Record | None:
        """A pack is published, rolled back or tried, everywhere or in one place."""
        rng, known = self._rng, self._ledger.policies
        act = rng.choice(["publish", "publish", "rollback", "try", "try", "promote", "stop"])
        scope = rng.choice(["", *SCOPES])
        if act in ("publish", "try"):
            self._count += 1
            base = self._ledger.pack
            made = local(rng, scope, base, self._count) if scope else pack(rng, self._dims, self._count)
            share = rng.choice([None, 0.5, 1.0, 1.0]) if act == "try" else None
            return {"do": "policy", "act": act, "scope": scope, "pack": made, "share": share}
        if act == "rollback":
            scope = rng.choice(list(known.published) or [""])
            there = known.published.get(scope)
            return {"do": "policy", "act": act, "scope": scope} if there and there[-1] is not None else None
        return None if known.trial is None else {"do": "policy", "act": act, "scope": known.trial["scope"]}

    def _controls(self) -> Record:
        rng = self._rng
        return {
            "do": "controls",
            "user": rng.choice(USERS),
            "personalised": rng.random() < 0.8,
            "hidden": self._some(6),
            "unwanted": self._some(3),
        }

    def _erase(self) -> Record:
        return {"do": "erase", "user": self._rng.choice(USERS)}

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
        kept = {key: value for key, value in known.items() if key not in SAFETY}
        changed = fresh if loosens else {**kept, **{key: fresh[key] for key in SAFETY if key in fresh}}
        return {"do": "upsert", "record": changed, "loosens": loosens}
