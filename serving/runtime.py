"""What a worker holds while it runs: stores, clock, engine, logs. Built once, after the worker has started."""

import threading
from dataclasses import dataclass, field
from typing import Any

import anyio
import structlog

from recsys.bundle import Bundle, load_bundle
from recsys.clock import Clock, EventClock, system_clock
from recsys.errors import ConfigError, RecsysError
from serving.asks import Answer, Ask, AskError
from serving.campaigns.desk import Desk
from serving.campaigns.four_eyes import FourEyes
from serving.campaigns.recent_lists import recent_lists
from serving.campaigns.webhooks import Herald
from serving.champion import Watcher, settle
from serving.current import Live
from serving.decisions import DecisionLog
from serving.engine import Engine
from serving.exposure import SharedExposure
from serving.lists import ListCounts
from serving.live import Follower
from serving.maintenance import Maintenance
from serving.newcomers import Newcomers
from serving.pulse import Pulse
from serving.queue import Queue
from serving.rehearsal import Rehearsal
from serving.rounds import Job, Rounds
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.stores.jobs import Jobs
from serving.stores.state import UserState, open_state
from serving.trials import Trials
from serving.view import View

log = structlog.get_logger()
EVENTS_CLOCK = "events clock"  # bookmark of the newest event's time, where time follows the events


@dataclass(eq=False)
class Runtime:
    """One worker's state. ``engine`` is None until a bundle has been verified and warmed up."""

    settings: Settings
    clock: Clock
    control: ControlStore
    state: UserState
    jobs: Jobs
    decisions: DecisionLog
    engine: Engine | None = None
    watcher: Watcher | None = None
    maintenance: Maintenance | None = None
    queue: Queue[Ask, Answer | AskError] = field(default_factory=Queue)  # of requests for lists
    rehearsal: Rehearsal = field(default_factory=Rehearsal)
    # Threads that a slow store has kept do not count here, so that a fallback always finds one.
    spare: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(8))
    pulse: Pulse = field(init=False)
    exposure: SharedExposure = field(init=False)
    newcomers: Newcomers = field(init=False)
    lists: ListCounts = field(init=False)
    rounds: Rounds = field(init=False)
    herald: Herald = field(init=False)
    trials: Trials = field(init=False)

    def __post_init__(self) -> None:
        self.pulse = Pulse(self.control)
        self.exposure = SharedExposure(self.control, self.clock)
        self.newcomers = Newcomers(self.control, self.clock, self.exposure, self.view)
        self.lists = ListCounts(self.control, self.clock)
        self.trials = Trials(self.control)
        self.rounds = Rounds(
            (
                Job("newcomers", 1.0, self.newcomers.exchange, last=True),
                Job("cold_start", 60.0, self.newcomers.plan),
                Job("lists", 10.0, self.lists.tell, last=True),
                Job("policy_trials", 5.0, self.trials.flush, last=True),
                Job("traffic", 3600.0, self.lists.plan),
            )
        )
        self.herald = Herald(self.control, self.clock, self.settings.webhook_hosts)

    @classmethod
    def start(cls, settings: Settings) -> "Runtime":
        """Open the stores, load the champion and begin to watch it; without one the worker waits, not ready."""
        clock = make_clock(settings)
        control = ControlStore.open(settings.control_location(), clock)
        state = open_state(settings.state_location())
        jobs = Jobs(settings.jobs_location())
        if isinstance(clock, EventClock):
            clock.saw(float(state.cursor(EVENTS_CLOCK) or 0))
        decisions = DecisionLog(settings.decisions_folder(), control.pseudonym)
        runtime = cls(settings, clock, control, state, jobs, decisions)
        runtime.exposure.start()
        runtime._load()
        runtime.maintenance = Maintenance(settings, control, state, jobs)
        runtime.maintenance.start()
        runtime.rounds.start()
        runtime.pulse.start()
        runtime.herald.start()
        return runtime

    def switch(self, bundle: Bundle) -> None:
        """Serve ``bundle`` from the next request on, after it has answered the shapes of the newest ones unseen."""
        if isinstance(self.clock, EventClock) and bundle.manifest.at is not None:
            self.clock.saw(bundle.manifest.at)
        if self.engine is None:
            live = Live(bundle, self.control, self.clock, policy=self.settings.policy)
            engine = Engine(
                live,
                self.control,
                self.state,
                self.clock,
                max_history=self.settings.max_history,
                exposure=self.exposure,
                follower=Follower(self.state, self.settings.live_seconds),
                note=self._noted,
            )
            self._warm(engine, live.view())
            self.engine = self.pulse.engine = engine
        else:
            engine = self.engine
            engine.live.swap(bundle, lambda view: self._warm(engine, view))

    def desk(self, *, reach: bool = False) -> Desk:
        """Where people work on campaigns; with ``reach`` a dry run looks at recent lists too."""
        view = self.view()
        lists = recent_lists(self.settings.decisions_folder()) if reach else ()
        return Desk(self.control, FourEyes.load(self.settings.four_eyes), view, lists=lists)

    def view(self) -> View | None:
        """What is served, with every change; None where no model is published yet."""
        return None if self.engine is None else self.engine.live.view()

    def running(self) -> Engine:
        """The engine; RuntimeError where no model is published yet."""
        if self.engine is None:
            raise RuntimeError("A list needs a published model.")
        return self.engine

    def close(self) -> None:
        """Stop the threads and flush the logs."""
        for part in (self.watcher, self.maintenance, self.pulse, self.rounds, self.exposure, self.herald):
            if part is not None:
                part.stop()
        self.decisions.close()

    def _noted(self, answer: Answer) -> None:
        self.exposure.note(answer)
        self.newcomers.note(answer)
        self.lists.note(answer)

    def _warm(self, engine: Engine, view: View) -> None:
        """Before the first real request caches fill, and a bundle that cannot answer is refused."""
        for ask in self.rehearsal.asks(view):
            engine.recommend_on(view, [ask])
        _ = view.shown, view.marked
        view.columns.encode()

    def _load(self) -> None:
        if self.settings.bundle is not None:
            self.switch(load_bundle(self.settings.bundle))
            settle()
            return
        self.watcher = Watcher(self.settings.var, self.switch)
        try:
            found = self.watcher.look()
        except RecsysError as error:
            log.error("champion_refused", error=str(error))
        else:
            if not found:
                log.warning("no_champion", hint=f"train a model; {self.settings.var}/champion.json is watched")
        self.watcher.start()


def make_clock(settings: Settings) -> Clock:
    """The system's clock, or one that follows the newest event (for demos and replays, never in production)."""
    if settings.clock == "system":
        return system_clock
    if settings.production:
        raise ConfigError("RECSYS_CLOCK=events is for demos and replays; it is refused with RECSYS_PRODUCTION=true.")
    return EventClock(0.0)


class Holder:
    """Where the routes find the worker's runtime: the app is built at import, the runtime when the worker starts."""

    def __init__(self) -> None:
        self._runtime: Runtime | None = None
        self._lock = threading.Lock()
        self.settings = Settings()

    def start(self, settings: Settings) -> Runtime:
        """Start the runtime of this worker, once."""
        with self._lock:
            if self._runtime is None:
                self.settings = settings
                self._runtime = Runtime.start(settings)
            return self._runtime

    def stop(self) -> None:
        """Close the runtime, if there is one."""
        with self._lock:
            if self._runtime is not None:
                self._runtime.close()
                self._runtime = None

    def runtime(self) -> Runtime:
        """The running worker's state; ConfigError before it has started."""
        if self._runtime is None:
            raise ConfigError("The worker has not started yet.")
        return self._runtime


holder = Holder()


def is_known(item_id: str) -> bool:
    """Whether the live catalogue has an item; true while there is none to ask."""
    engine = holder.runtime().engine
    return engine is None or item_id in engine.live.view().ids


def record_of(item_id: str) -> dict[str, Any] | None:
    """The fields of an item of the live catalogue; None where it has none of that id."""
    engine = holder.runtime().engine
    view = None if engine is None else engine.live.view()
    index = None if view is None else view.ids.get(item_id)
    return None if view is None or index is None else view.record(index)
