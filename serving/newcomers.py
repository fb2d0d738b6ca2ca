"""New works: what is shown and liked of them is counted, and each day's budget of exposure is put in force.

Every worker does both. What it counts goes to the control store every second; the budget is made from the counts there
every minute, so that workers agree, and whoever is first writes it.
"""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from recsys.bundle import Bundle
from recsys.clock import Clock
from recsys.errors import StoreError
from recsys.overrides import Budget, ColdStart, ExposureCounts, Newcomer, Stage
from recsys.overrides.campaign import MAX_ACTIONS
from recsys.overrides.newcomers import DAY_SECONDS
from recsys.prepare.spec import rule_of
from recsys.safety import Policy
from serving.asks import Answer
from serving.stores.control import ControlStore
from serving.stores.newcomers import Pair
from serving.stores.state import Event
from serving.view import View

log = structlog.get_logger()
PATIENCE = 5.0  # s: another worker may still have to tell that it has shown what is liked here
DRIFT = 0.1  # of a guarantee: less than this is no reason to put another budget in force


def rule_in(policy: Policy) -> ColdStart | None:
    """What a pack says of new works; None where it says nothing."""
    said = policy.cold_start
    if said is None:
        return None
    given = said.model_dump(exclude={"surfaces", "beyond_bundle"})
    return ColdStart(**given, surfaces=frozenset(said.surfaces))


@dataclass(frozen=True, slots=True, eq=False)
class _Counted:
    """The works that are counted now, by their place in the catalogue of one bundle."""

    bundle: Bundle | None = None
    by_place: Mapping[int, str] = field(default_factory=dict)
    ids: frozenset[str] = frozenset()


class Newcomers:
    """One worker's part in the budget of new works. A kill loses what it has counted in the last second."""

    def __init__(
        self,
        control: ControlStore,
        clock: Clock,
        exposure: ExposureCounts,
        view: Callable[[], View | None],
    ) -> None:
        self._control, self._clock, self._exposure, self._view = control, clock, exposure, view
        self._counted = _Counted()
        self._sequence = -1
        self._shown: deque[tuple[str, tuple[str, ...]]] = deque()  # user, new works of one list
        self._events: deque[Event] = deque()
        self._waiting: dict[Pair, float] = {}  # likes that nobody was shown yet, and until when they are kept
        self._starts: tuple[Bundle, list[Newcomer]] | None = None
        self._exchanging = threading.Lock()

    def note(self, answer: Answer) -> None:
        """Count a list: a look-up for each of its works. Only lists of known users count; others cannot be matched."""
        counted = self._counted
        if not counted.by_place or answer.view.bundle is not counted.bundle:
            return
        user = answer.ask.user_id
        if user is not None and answer.personalised:
            found = [counted.by_place[item] for item in answer.slate.items.tolist() if item in counted.by_place]
            if found:
                self._shown.append((user, tuple(found)))

    def heard(self, events: Iterable[Event]) -> None:
        """Keep what users did with the works that are counted: a look-up for each event."""
        ids = self._counted.ids
        if ids:
            self._events.extend(event for event in events if event.item_id in ids)

    def exchange(self) -> None:
        """Tell what was counted here. StoreError leaves all as it was."""
        with self._exchanging:
            self._refresh()
            lists, events = _drained(self._shown), _drained(self._events)
            shown, users = Counter[str](), set[Pair]()
            for user, works in lists:
                name = self._control.pseudonym(user)
                shown.update(works)
                users.update((work, name) for work in works)
            now = time.monotonic()
            waiting = {pair: until for pair, until in self._waiting.items() if until > now}
            for pair in self._positives(events):
                waiting.setdefault(pair, now + PATIENCE)
            try:
                told = self._control.count_newcomers(shown, users, waiting) if shown or waiting else set()
            except StoreError:
                self._shown.extend(lists)
                self._events.extend(events)
                raise
            self._waiting = {pair: until for pair, until in waiting.items() if pair not in told}

    def plan(self) -> None:
        """End what has graduated or stopped, take in who is new, and put the day's budget in force if it is another."""
        view = self._view()
        if view is None:
            return
        rule, current, now = rule_in(view.policy), self._control.cold_start(), self._clock()
        if rule is None:
            if current is not None:
                self._control.put_cold_start(None)
            return
        known = self._control.newcomers()
        exploring = [one.work for one in known if one.stage == "exploring"]
        stages = {work.item_id: rule.stage(work, now) for work in exploring}
        ended: dict[str, Stage] = {item: stage for item, stage in stages.items() if stage != "exploring"}
        if ended:
            self._control.end_newcomers(ended, now - rule.days * DAY_SECONDS)
        left = [work for work in exploring if work.item_id not in ended]
        if len(left) < MAX_ACTIONS:
            fresh = self._fresh(view, rule, now, {one.work.item_id for one in known})[: MAX_ACTIONS - len(left)]
            self._control.add_newcomers(fresh)
            left += fresh
        budget = rule.budget(left, now)
        if budget is not None:
            budget = rule.budget(left, now, int(self._exposure.totals([budget.id])[0]))
        if not _close(current, budget) and self._control.put_cold_start(budget):
            log.info("cold_start_in_force", works=0 if budget is None else len(budget.items), ended=len(ended))

    def _fresh(self, view: View, rule: ColdStart, now: float, known: set[str]) -> list[Newcomer]:
        """Works that are new and not known as such yet, the newest first."""
        oldest = now - rule.days * DAY_SECONDS
        arrived = self._control.first_seen(oldest) if view.added else {}
        found = [
            Newcomer(item, max(arrived.get(item, -math.inf), _available(record)))
            for record in view.added
            if (item := str(record["item_id"])) not in known
        ]
        if view.policy.cold_start is not None and not view.policy.cold_start.beyond_bundle:
            found += self._starting(view.bundle)
        fresh = [work for work in found if oldest < work.since <= now and work.item_id not in known]
        return sorted(fresh, key=lambda work: (-work.since, work.item_id))

    def _starting(self, bundle: Bundle) -> list[Newcomer]:
        """The works of a bundle that have a first day; read once for each bundle."""
        if self._starts is None or self._starts[0] is not bundle:
            since = bundle.catalogue.times("available_from")
            places = [place for place, at in enumerate(since.tolist()) if not math.isnan(at)]
            works = [Newcomer(bundle.catalogue.ids[place], float(since[place])) for place in places]
            self._starts = bundle, works
        return self._starts[1]

    def _positives(self, events: Iterable[Event]) -> set[Pair]:
        """Who liked what: events that training would count as positive."""
        view = self._view()
        rules = {} if view is None else view.rules
        found: set[Pair] = set()
        for event in events:
            value = math.nan if event.value is None else event.value
            if rule_of(rules, event.kind).positive_mask([value])[0]:
                found.add((event.item_id, self._control.pseudonym(event.user_id)))
        return found

    def _refresh(self) -> None:
        """Count the works of the budget in force, by the catalogue of the bundle that serves."""
        sequence, view = self._control.sequence(), self._view()
        if view is None or (sequence == self._sequence and view.bundle is self._counted.bundle):
            return
        budget = self._control.cold_start()
        items = frozenset(() if budget is None else budget.items)
        places = {place: item for item in items if (place := view.ids.get(item)) is not None}
        self._counted = _Counted(view.bundle, places, items)
        self._sequence = sequence


def _close(current: Budget | None, fresh: Budget | None) -> bool:
    """Whether the budget in force is as good as another: each change is told to all workers and kept for good."""
    if current is None or fresh is None:
        return current is fresh
    one, other = (
        replace(budget, start=0.0, guarantee=0, items=tuple(sorted(budget.items))) for budget in (current, fresh)
    )
    return one == other and abs(fresh.guarantee - current.guarantee) <= DRIFT * current.guarantee


def _available(record: Mapping[str, Any]) -> float:
    """The first moment at which a work may be shown (s UTC), -inf where nothing says."""
    times = [record[name] for name in ("available_from", "embargo_until") if record.get(name) is not None]
    return max((moment.timestamp() for moment in times), default=-math.inf)


def _drained(queue: deque[Any]) -> list[Any]:
    return [queue.popleft() for _ in range(len(queue))]
