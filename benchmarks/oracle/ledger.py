"""What has been said and done so far, as it was said: items, labels, rights, orders, users, failures, time."""

from typing import Any

from benchmarks.oracle.verdicts import drawn, least_age

Record = dict[str, Any]


class Ledger:
    """The world as everybody who may change it has left it."""

    def __init__(self, world: Record) -> None:
        self.pack: Record = world["pack"]
        self.returns: bool = world.get("returns", False)
        self.items: dict[str, Record] = {item["item_id"]: item for item in world["items"]}
        self.now: float = world["now"]
        self.confirmed: float = world["now"]
        self.labels: dict[str, list[Record]] = {}  # statements, by item
        self.versions: dict[str, int] = {}  # how often a record has changed
        self.rights: dict[str, Record] = {}
        self.orders: dict[str, Record] = {}  # takedowns in force
        self.overrides: dict[str, Record] = {}
        self.campaigns: list[Record] = world.get("campaigns", [])
        self.users: dict[str, Record] = {}
        self.failing: set[str] = set()
        self.said = 0
        self._sent: dict[str, Any] = {}

    def tell(self, step: Record) -> None:
        """Something happens; a request changes nothing."""
        getattr(self, "_" + step["do"])(step)

    def user(self, name: str | None) -> Record:
        """What a user chose and had."""
        return self.users.setdefault(name or "", {"personalised": True, "hidden": [], "unwanted": [], "had": []})

    def _ask(self, step: Record) -> None:
        """Nothing changes."""

    def _rebuild(self, step: Record) -> None:
        """The service starts anew, which changes nothing."""

    def _clock(self, step: Record) -> None:
        self.now = step["to"]

    def _tick(self, step: Record) -> None:
        """From now on the clock moves on whenever it is read."""

    def _confirm(self, step: Record) -> None:
        self.confirmed = step["at"]

    def _fail(self, step: Record) -> None:
        self.failing = set(step["what"])

    def _takedown(self, step: Record) -> None:
        self.orders[step["id"]] = step

    def _restore(self, step: Record) -> None:
        self.orders.pop(step["id"], None)

    def _override(self, step: Record) -> None:
        self.overrides[step["id"]] = step

    def _revoke(self, step: Record) -> None:
        self.overrides.pop(step["id"], None)

    def _label(self, step: Record) -> None:
        self.said += 1
        created = self.now + self.said * 1e-3
        event = {**step, "expires": None, "created": created, "version": self.versions.get(step["item_id"], 0)}
        if step["lasts"] is not None:
            event["expires"] = created + step["lasts"]
        self.labels.setdefault(step["item_id"], []).append(event)

    def _rights(self, step: Record) -> None:
        self.rights[step["item_id"]] = step

    def _controls(self, step: Record) -> None:
        self.user(step["user"]).update({name: step[name] for name in ("personalised", "hidden", "unwanted")})

    def _saw(self, step: Record) -> None:
        self.user(step["user"])["had"].append(step["item_id"])

    def _upsert(self, step: Record) -> None:
        """A platform may only tighten what safety goes by; the role safety may also loosen it."""
        new: Record = step["record"]
        name = new["item_id"]
        old = self.items.get(name)
        if self._sent.get(name) != (new, step["loosens"]):
            self.versions[name] = self.versions.get(name, 0) + 1
        self._sent[name] = (new, step["loosens"])
        self.items[name] = new if old is None or step["loosens"] else {**new, **_stricter(self.pack, old, new)}


def _stricter(pack: Record, old: Record, new: Record) -> Record:
    found: Record = {}
    found["labels"] = sorted({*(old.get("labels") or ()), *(new.get("labels") or ())}) or None
    for name, choose in (("min_age", max), ("available_from", max), ("available_to", min), ("embargo_until", max)):
        given = [record[name] for record in (old, new) if record.get(name) is not None]
        found[name] = choose(given) if given else None
    found["territories"] = _both(old.get("territories"), new.get("territories"))
    found["ratings"] = sorted({*(old.get("ratings") or ()), *(new.get("ratings") or ())}) or None
    # what the pack's rules made of the old record stays as well
    after = {**new, **found}
    lost = sorted(set(drawn(pack, old)) - set(drawn(pack, after)))
    after["labels"] = found["labels"] = sorted({*(found["labels"] or ()), *lost}) or None
    found["min_age"] = least_age(pack, old) if least_age(pack, old) > least_age(pack, after) else found["min_age"]
    return found


def _both(old: list[str] | None, new: list[str] | None) -> list[str] | None:
    if new is None or "WW" in new:
        return old
    if old is None or "WW" in old:
        return new
    return [code for code in new if code in old]
