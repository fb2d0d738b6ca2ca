"""What has been said and done so far, as it was said: items, labels, rights, orders, users, failures, time."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmarks.oracle.policies import Policies
from benchmarks.oracle.records import stricter

Record = dict[str, Any]
T = TypeVar("T")
PARTS = ("personalised", "hidden", "unwanted")


@dataclass
class Opinion:
    """A policy, and the works as they stand under it: what may be loosened depends on the policy."""

    pack: Record
    items: dict[str, Record]


class Ledger:
    """The world as everybody who may change it has left it."""

    def __init__(self, world: Record) -> None:
        self.returns: bool = world.get("returns", False)
        self.policies = Policies(world["pack"])
        self.confirmed: float = world["now"]
        self.labels: dict[str, list[Record]] = {}  # statements, by item
        self.versions: dict[str, int] = {}  # how often a record has changed
        self.rights: dict[str, Record] = {}
        self.orders: dict[str, Record] = {}  # takedowns in force
        self.overrides: dict[str, Record] = {}
        self.campaigns: dict[str, Record] = {}  # that are on air
        self.paused: dict[str, Record] = {}
        self.halts: dict[str, Record] = {}  # kill switches that are thrown
        self.users: dict[str, Record] = {}
        self.failing: set[str] = set()
        self.said = 0
        self.sides: dict[str, set[bool]] = {}  # on which side of a canary somebody may be
        self._now: float = world["now"]
        self._bundle: dict[str, Record] = {item["item_id"]: item for item in world["items"]}
        self._stored: dict[str, Record] = {}  # the newest upsert of each item
        self._standing: set[str] = set()  # whose record the role safety has written
        self._known: dict[Hashable, Any] = {}
        self.opinion = self._anew(world["pack"])
        self.candidate: Opinion | None = None  # of the pack on trial

    def tell(self, step: Record) -> None:
        """Something happens; a request changes nothing."""
        self._known.clear()
        getattr(self, "_" + step["do"])(step)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was worked out since anything has happened is not worked out again."""
        if key not in self._known:
            self._known[key] = make()
        found: T = self._known[key]
        return found

    @property
    def now(self) -> float:
        """The moment (s UTC)."""
        return self._now

    @now.setter
    def now(self, moment: float) -> None:
        if moment != self._now:
            self._known.clear()
        self._now = moment

    @property
    def pack(self) -> Record:
        """The policy in force."""
        return self.opinion.pack

    @property
    def items(self) -> dict[str, Record]:
        """The works under the policy in force."""
        return self.opinion.items

    def opinions(self, *, canary: bool) -> list[Opinion]:
        """Those that judge a request: of a canary's share both."""
        return [self.opinion, self.candidate] if canary and self.candidate is not None else [self.opinion]

    def share(self) -> float:
        """Of the requests that a canary answers."""
        trial = self.policies.trial
        return 0.0 if trial is None or self.candidate is None else trial["share"] or 0.0

    def user(self, name: str | None) -> Record:
        """What a user chose and had."""
        return self.users.setdefault(name or "", {"personalised": True, "hidden": [], "unwanted": [], "had": []})

    def on_trial(self, *, judging: bool) -> None:
        """Whether the service says that a pack is on trial: one that does not fit what is in force judges nothing.

        It may say so later, where it cannot read what has been decided.
        """
        if judging is (self.candidate is not None) or self.policies.trial is None:
            return
        self._known.clear()
        self.candidate = self._anew(self.policies.candidate()) if judging else None

    def _ask(self, step: Record) -> None:
        """Nothing changes."""

    def _policy(self, step: Record) -> None:
        trial = self.policies.trial
        self.policies.tell(step)
        if self.policies.trial is not trial:
            self.sides.clear()
        self._rebuild(step)

    def _rebuild(self, step: Record) -> None:
        """The service starts anew: it has the works of the bundle and the newest upsert of each."""
        self.opinion = self._anew(self.policies.in_force())
        self.candidate = None if self.policies.trial is None else self._anew(self.policies.candidate())

    def _anew(self, pack: Record) -> Opinion:
        made = Opinion(pack, dict(self._bundle))
        for name, record in self._stored.items():
            self._put(made, name, record)
        return made

    def _put(self, of: Opinion, name: str, record: Record) -> None:
        free = name in self._standing or name not in of.items
        of.items[name] = record if free else stricter(of.pack, of.items[name], record)

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

    def _campaign(self, step: Record) -> None:
        """Filed and approved, or changed, resumed, paused or revoked."""
        act, name = step["act"], step["id"]
        if act in ("file", "tighten"):
            self.campaigns[name] = step["campaign"]
        elif act == "resume":
            self.campaigns[name] = self.paused.pop(name)
        elif name in self.campaigns:
            one = self.campaigns.pop(name)
            if act == "pause":
                self.paused[name] = one

    def _halt(self, step: Record) -> None:
        self.halts[step["id"]] = step

    def _release(self, step: Record) -> None:
        self.halts.pop(step["id"], None)

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
        self.user(step["user"]).update({name: step[name] for name in PARTS})

    def _erase(self, step: Record) -> None:
        self.users.pop(step["user"], None)

    def _saw(self, step: Record) -> None:
        self.user(step["user"])["had"].append(step["item_id"])

    def _upsert(self, step: Record) -> None:
        """A platform may only tighten what safety goes by; the role safety may also loosen it, and then it stands."""
        record = {name: value for name, value in step["record"].items() if value is not None}
        name = record["item_id"]
        known = name in self.items
        before = self._stored.get(name), name in self._standing
        if known and not step["loosens"]:
            record = stricter(self.pack, self.items[name], record)
        else:
            self._standing.discard(name)
        if step["loosens"]:
            self._standing.add(name)
        self._stored[name] = record
        if before != (record, name in self._standing):
            self.versions[name] = self.versions.get(name, 0) + 1
        for opinion in filter(None, (self.opinion, self.candidate)):
            self._put(opinion, name, record)
