"""Exposure of all workers: counted in memory on the way of a request, exchanged twice a second behind it."""

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import structlog

from recsys.clock import Clock
from recsys.errors import StoreError
from recsys.overrides import Exposure, Impression, Placed, campaign_of
from recsys.overrides.exposure import Counts
from serving.stores.control import ControlStore
from serving.stores.exposure import KEPT_DAYS, Misses, Slots, Users

log = structlog.get_logger()
EVERY_SECONDS = 0.4
HOUR = 3600.0
UNEXPLAINED = "unexplained"
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
        self._answers: deque[Placed] = deque(maxlen=KEPT_ANSWERS)
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

    def note(self, placed: Placed) -> None:
        """Keep an answer, to count what was unserved in it."""
        if placed.live.plan is not None:
            self._answers.append(placed)

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
        hour, found = int(self._clock() // HOUR), Misses()
        while self._answers:
            placed = self._answers.popleft()
            found.update((name, why, hour) for name, why in _reasons(placed))
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


def _reasons(placed: Placed) -> Iterator[tuple[str, str]]:
    """What was unserved in a list and why; a promise that was due, not given and not explained is counted as that."""
    told = {(campaign_of(one.override), one.reason) for one in placed.unserved}
    yield from told
    plan = placed.live.plan
    if plan is None or not placed.live.due:
        return
    explained = {name for name, _ in told}
    for place in placed.live.due:
        name = plan.promises.ids[place]
        if not placed.given.get(int(plan.promises.campaigns[place]), 0) and name not in explained:
            yield name, UNEXPLAINED


def _others(now: Mapping[K, int], known: dict[K, int], told: Mapping[K, int]) -> Iterator[tuple[K, int]]:
    """What others have counted: what is new beyond what was known and what this worker has told itself."""
    for key, n in now.items():
        others = n - known.get(key, 0) - told.get(key, 0)
        known[key] = n
        if others > 0:
            yield key, others
