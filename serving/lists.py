"""How many lists were answered, and what came of quotas in them: by hour, of all workers."""

from collections import Counter
from threading import Lock

from recsys.clock import Clock
from recsys.errors import StoreError
from recsys.overrides import Traffic
from recsys.overrides.pacing import EVEN, HOUR_SECONDS
from serving.asks import Answer
from serving.stores.control import ControlStore
from serving.stores.lists import Hours, Quotas


class ListCounts:
    """What one worker has counted since it last told. A kill loses what that is, at most some seconds."""

    def __init__(self, control: ControlStore, clock: Clock) -> None:
        self._control, self._clock = control, clock
        self._lock = Lock()
        self._hours: Hours = Counter()
        self._quotas: Quotas = {}

    def note(self, answer: Answer) -> None:
        """Count a list."""
        hour = int(answer.at // HOUR_SECONDS)
        with self._lock:
            self._hours[hour] += 1
            for kept in () if answer.placed is None else answer.placed.quotas:
                key = (kept.quota, kept.reason or "", hour)
                lists, wanted, got = self._quotas.get(key, (0, 0, 0))
                self._quotas[key] = lists + 1, wanted + kept.wanted, got + kept.got

    def tell(self) -> None:
        """Add what was counted to what the store holds. StoreError leaves all as it was."""
        with self._lock:
            hours, quotas = self._hours, self._quotas
            self._hours, self._quotas = Counter(), {}
        if not hours:
            return
        try:
            self._control.add_lists(hours, quotas)
        except StoreError:
            with self._lock:
                self._hours.update(hours)
                for key, more in quotas.items():
                    had = self._quotas.get(key, (0, 0, 0))
                    self._quotas[key] = (had[0] + more[0], had[1] + more[1], had[2] + more[2])
            raise

    def plan(self) -> None:
        """Once a day, when people come as the last weeks show it is put in force for what is paced."""
        if self._control.traffic_is_due():
            found = Traffic.measured(self._control.list_hours(), self._clock())
            if found != EVEN:
                self._control.put_traffic(found)
