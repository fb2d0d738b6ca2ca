"""Exposure of all workers: counted in memory on the way of a request, exchanged twice a second behind it."""

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import structlog

from recsys.clock import Clock
from recsys.errors import StoreError
from recsys.overrides import Exposure, Impression, campaign_of
from recsys.overrides.exposure import Counts
from recsys.overrides.reasons import INELIGIBLE
from serving.asks import Answer
from serving.stores.control import ControlStore
from serving.stores.exposure import KEPT_DAYS, Misses, Slots, Users

log = structlog.get_logger()
EVERY_SECONDS = 0.4
HOUR = 3600.0
UNEXPLAINED = "unexplained"
REMOVED = "removed"
OWN_CHOICE = "own_choice"
GATE = "gate:"  # before the gate's own reason, such as gate:takedown
K = TypeVar("K")
KEPT_ANSWERS = 5_000  # answers of which it is worked out later what was unserved in them


class SharedExposure:
    """What this worker has counted, and what all the others had within the last second.

    A worker that is killed loses what it has counted since the last exchange, at most half a second.
    """

    def __init__(self, control: ControlStore, clock: Clock, every: float = EVERY_SECONDS) -> None:
        self._control = control
        self._clock = clock
        self._every = every
        self._mine = Exposure()
        self._lock = threading.Lock()  # of what waits to be told
        self._exchanging = threading.Lock()
        self._slots: Slots = Counter()
        self._users: Users = Counter()
        self._answers: deque[Answer] = deque(maxlen=KEPT_ANSWERS)
        self._rev = 0
        self._sequence = 0
        self._known_slots: dict[tuple[str, int, int], int] = {}
        self._known_users: dict[tuple[str, str, int], int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="exposure", daemon=True)

    def start(self) -> None:
        """Read what was counted before, and begin to exchange."""
        self.exchange()
        self._thread.start()

    def stop(self) -> None:
        """Tell what is left, and stop."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._tried()

    def totals(self, campaigns: Sequence[str]) -> Counts:
        """(campaigns,) impressions of each over its run."""
        return self._mine.totals(campaigns)

    def of_user(self, user: str) -> Mapping[tuple[str, int], int]:
        """Impressions that a user has had, by campaign and local day."""
        return self._mine.of_user(self._control.pseudonym(user))

    def in_slot(self, campaign: str, slot: int) -> int:
        """Impressions of a campaign in one slot over its run."""
        return self._mine.in_slot(campaign, slot)

    def record(self, user: str | None, impressions: Iterable[Impression]) -> None:
        """Count what a list has shown, here at once and for the others with the next exchange."""
        shown = list(impressions)
        name = None if user is None else self._control.pseudonym(user)
        hour = int(self._clock() // HOUR)
        with self._lock:
            self._mine.record(name, shown)
            for one in shown:
                self._slots[one.campaign, one.slot, hour] += 1
                if name is not None:
                    self._users[one.campaign, name, one.day] += 1

    def note(self, answer: Answer) -> None:
        """Keep an answer, to count what was unserved in it."""
        if answer.placed is not None and answer.placed.live.plan is not None:
            self._answers.append(answer)

    def exchange(self) -> None:
        """Tell what was counted here and take over what was counted elsewhere. StoreError leaves all as it was."""
        with self._exchanging:
            misses = self._missed()
            self._forget_erased()
            with self._lock:
                slots, users = self._slots, self._users
                self._slots, self._users = Counter(), Counter()
            try:
                if slots or users or misses:
                    self._control.add_exposure(slots, users, misses)
            except StoreError:
                with self._lock:
                    self._slots.update(slots)
                    self._users.update(users)
                raise
            seen = self._control.exposure_since(self._rev)
            with self._lock:
                for slot, n in _others(seen.slots, self._known_slots, slots):
                    self._mine.add(slot[0], slot[1], n)
                for user, n in _others(seen.users, self._known_users, users):
                    self._mine.seen(user[1], user[0], user[2], n)
                self._rev = seen.rev
                if seen.users:
                    oldest = max(key[2] for key in seen.users) - KEPT_DAYS
                    self._known_users = {key: n for key, n in self._known_users.items() if key[2] > oldest}

    def _forget_erased(self) -> None:
        sequence = self._control.sequence()
        if sequence <= self._sequence:
            return
        erased = set(self._control.erased_since(self._sequence).times)
        self._sequence = sequence
        with self._lock:
            for name in erased:
                self._mine.erase(name)
            self._known_users = {key: n for key, n in self._known_users.items() if key[1] not in erased}
            self._users = Counter({key: n for key, n in self._users.items() if key[1] not in erased})

    def _missed(self) -> Misses:
        found = Misses()
        while self._answers:
            answer = self._answers.popleft()
            hour = int(answer.at // HOUR)
            found.update((name, why, hour) for name, why in missed(answer))
        return found

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            self._tried()

    def _tried(self) -> None:
        try:
            self.exchange()
        except StoreError as error:
            log.warning("exposure_not_exchanged", error=str(error))
        except Exception:
            log.exception("exposure_failed")


def missed(answer: Answer) -> Iterator[tuple[str, str]]:
    """What was unserved in a list, each campaign once for each reason.

    A campaign with a promise is in it only where it was behind its plan and the list shows nothing for it, with one
    reason: so many lists are what it lacks. Where nothing says why, that is the reason.
    """
    placed = answer.placed
    plan = None if placed is None else placed.live.plan
    if placed is None or plan is None:
        return
    told = dict.fromkeys((campaign_of(one.override), one.reason) for one in placed.unserved)
    promised = set(plan.promises.ids)
    yield from ((name, why) for name, why in told if name not in promised)
    shown = {campaign_of(name) for name in answer.slate.overrides if name is not None}
    by_any = {campaign_of(one.override): one.reason for one in reversed(placed.unserved)}
    why_of = by_any | {one.override: one.reason for one in reversed(placed.unserved)}  # the promise's own outranks
    for place in placed.live.owed:
        name = plan.promises.ids[place]
        if name in shown:
            continue
        why = why_of.get(name, UNEXPLAINED)
        if why == INELIGIBLE:
            why = _kept_away(answer, list(plan.promises.items[place]))
        elif why == UNEXPLAINED and placed.given.get(int(plan.promises.campaigns[place]), 0):
            why = REMOVED
        yield name, why


def _kept_away(answer: Answer, items: Sequence[int]) -> str:
    """What keeps a promise's works from a viewer: the gate's reason for the first that it holds, or the user's own."""
    verdicts = answer.view.gate.check(answer.ask.viewer, np.array(items, np.int32))
    held = (finding.reason for ok, finding in zip(verdicts.allowed, verdicts.findings, strict=True) if not ok)
    reason = next(held, None)
    return OWN_CHOICE if reason is None else f"{GATE}{reason}"


def _others(now: Mapping[K, int], known: dict[K, int], told: Mapping[K, int]) -> Iterator[tuple[K, int]]:
    """What others have counted: what is new beyond what was known and what this worker has told itself."""
    for key, n in now.items():
        others = n - known.get(key, 0) - told.get(key, 0)
        known[key] = n
        if others > 0:
            yield key, others
