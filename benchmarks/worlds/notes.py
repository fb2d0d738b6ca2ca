"""What is written down of each request and each change, for the tally."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.oracle import Ledger, removals
from benchmarks.oracle.places import place
from benchmarks.worlds.tally import Tally

Record = dict[str, Any]
CLOCKS = ("Europe/Berlin", "America/New_York")


class Notes:
    """Follows one world."""

    def __init__(self, tally: Tally, ledger: Ledger) -> None:
        self.tally, self._ledger = tally, ledger
        self._latest = ledger.now
        self._erased: set[str] = set()

    def change(self, step: Record) -> None:
        """Something has happened that the service took."""
        do, add = step["do"], self.tally.add
        if do == "campaign":
            add("campaign act", step["act"])
            for action in step["campaign"]["actions"] if step["act"] == "file" else ():
                add("campaign", action["kind"])
        elif do == "policy":
            kinds = {"try": "shadow" if step.get("share") is None else "canary"}
            add("policy", kinds.get(step["act"], step["act"]))
            add("policy", "local", int(bool(step["scope"])))
        elif do in ("override", "revoke"):
            add("override", step["action"] if do == "override" else "revoked")
        elif do in ("halt", "release"):
            add("kill switch", step["scope"] if do == "halt" else "released")
        elif do == "label":
            add("change", "label")
            add("change", "label negates", int(step["negates"]))
            add("change", "label expires", int(step["lasts"] is not None))
        elif do == "upsert":
            known = step["record"]["item_id"] in self._ledger.items
            add("change", "upsert loosens" if step["loosens"] else "upsert tightens" if known else "upsert new")
        elif do not in ("fail", "tick"):
            add("change", do)
        if do == "erase":
            self._erased.add(step["user"])
        elif do in ("controls", "saw"):
            self._erased.discard(step["user"])

    def request(self, ask: Record, pages: list[Record], *, ticking: bool) -> None:
        """A list was asked for; ``pages`` as the oracle sees them."""
        count, ledger, add = len(pages), self._ledger, self.tally.add
        age, where = ask["age"], place(ask["territory"])
        add("surface", ask["surface"], count)
        add("age", _age(age), count)
        add("territory", "unknown" if where is None else where, count)
        for failure in ledger.failing or ("none",):
            add("failure", failure, count)
        user = ledger.users.get(ask["user"] or "", {})
        self._viewer(ask, user, count)
        self._latest = max(self._latest, ledger.now)
        stale = ledger.now - ledger.confirmed > ledger.pack["confirm_within"]
        held = {
            "filter": ask["filter"] is not None,
            "series": ask["series"] == "next",
            "seen list": bool(user.get("had")),
            "session": bool(ask["session"]),
            "hidden works": bool(user.get("hidden")),
            "excluded works": bool(ask["exclude"]),
            "similar": ask["similar_to"] is not None,
            "explained": ask["explain"],
            "seeded": ask["seed"] is not None,
            "late": ask["late"],
            "clock runs": ticking,
            "stale policy": stale,
            "clock put back": ledger.now < self._latest,
            "day of a clock change": _changes(ledger.now),
        }
        for kind, holds in held.items():
            add("request", kind, count * holds)
        add("request", "later page", count - 1)
        for page in pages:
            for told in page["told"]:
                self._shown(told)

    def _shown(self, told: Record) -> None:
        record = self._ledger.items.get(told["item_id"], {})
        for part, kind in (("title", "another title"), ("artwork", "another picture")):
            self.tally.add("shown", kind, int(part in told and told[part] != record.get(part)))
        self.tally.add("shown", "part withheld", int("withheld" in told))

    def _viewer(self, ask: Record, user: Record, count: int) -> None:
        add, name = self.tally.add, ask["user"]
        add(
            "viewer", "erased user" if name in self._erased else "known user" if user.get("had") else "cold user", count
        )
        add("viewer", "opted out", count * (not ask["personalised"] or not user.get("personalised", True)))
        share = self._ledger.share()
        if self._ledger.candidate is not None:
            add("viewer", "canary" if share else "shadow", count)

    def judged(self, ask: Record, *, canary: bool) -> None:
        """What the oracle holds against every work for this viewer."""
        for kind, count in removals(self._ledger, ask, canary=canary).items():
            if kind == "curfew":
                self.tally.add("viewer", "minor at night")
            self.tally.add("removed by", kind, count)


def _age(age: int | None) -> str:
    if age is None:
        return "unknown"
    return "below 13" if age < 13 else "13 to 17" if age < 18 else "adult"


def _changes(now: float) -> bool:
    """Whether the clocks somewhere are put forward or back within half a day of this moment."""
    for name in CLOCKS:
        zone = ZoneInfo(name)
        before, after = (datetime.fromtimestamp(now + by, UTC).astimezone(zone) for by in (-43_200, 43_200))
        if before.utcoffset() != after.utcoffset():
            return True
    return False
