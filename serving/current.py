"""The view that requests are answered from, kept up to date."""

import threading
from collections.abc import Callable

from recsys.bundle import Bundle
from recsys.clock import Clock
from serving.building import advanced, build
from serving.measures import obeyed
from serving.stores.control import ControlStore
from serving.view import View

ADVANCES = 10  # a storm of changes must not hold up requests for longer


class Live:
    """The current view, brought up to date before each request and swapped when the champion moves."""

    def __init__(self, bundle: Bundle, control: ControlStore, clock: Clock, *, policy: str | None = None) -> None:
        self._control = control
        self._clock = clock
        self._policy = policy
        self._lock = threading.Lock()
        view = build(bundle, control, clock, policy)
        self._heard = view.sequence  # the newest change that requests obey
        self._view = self._advanced(view)

    @property
    def current(self) -> View:
        """The view as it was last brought up to date."""
        return self._view

    def view(self) -> View:
        """The view with every change of the control store that this process can know of."""
        if self._control.sequence() != self._view.sequence or not self._view.labels.hold(self._clock()):
            with self._lock:
                self._view = self._advanced(self._view)
        return self._view

    def swap(self, bundle: Bundle, warm: Callable[[View], None]) -> None:
        """Serve another bundle from the next request on; ``warm`` may refuse it by raising."""
        view = build(bundle, self._control, self._clock, self._policy)
        warm(view)
        with self._lock:
            # A request that has just looked for changes takes whatever view is there: never one behind what it saw.
            self._view = self._advanced(view)

    def _advanced(self, view: View) -> View:
        """The view with changes applied until none has come in while they were read.

        Else a view could hold a little more than its sequence says, and a decision made on it could not be replayed.
        """
        now = self._clock()
        for _ in range(ADVANCES):
            changes = self._control.changes(view.sequence)
            if not changes and view.labels.hold(now):
                break
            view = advanced(view, self._control, changes, now)
            for change in changes:
                # A bundle that was loading meanwhile hears again of what the one that serves obeys.
                if change.kind == "takedown" and change.seq > self._heard:
                    obeyed(now - change.at)
            self._heard = max(self._heard, view.sequence)
        return view
