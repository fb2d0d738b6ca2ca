"""Background work: accepted events, items and labels go to the lake, its news comes in, the erased leave it.

Every worker runs the thread; a file lock lets one of them work at a time. Each step may be killed anywhere and is done
again: events carry their ids, an erasure job stays in its queue until the lake has been rewritten.
"""

import fcntl
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from recsys.errors import RecsysError
from recsys.lake import Lake
from serving.measures import last_appearance
from serving.pulse import drained
from serving.receipts.upkeep import Upkeep
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.stores.jobs import Jobs
from serving.stores.state import UserState
from serving.stores.sync import drain, drain_items, drain_labels, sync

log = structlog.get_logger()
ERASE = "erase_user"
PREPARED = "prepared"  # data sets that training made from the lake; they hold histories and can be made again


class Maintenance:
    """Drains events and runs queued jobs every few seconds, where a lake is set."""

    def __init__(self, settings: Settings, control: ControlStore, state: UserState, jobs: Jobs) -> None:
        self._settings = settings
        self._control = control
        self._state = state
        self._jobs = jobs
        self._upkeep = Upkeep(settings.decisions_folder(), control, days=settings.decisions_days, told=last_appearance)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> None:
        """Begin; a lake that is made later is found then."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the step that is running."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def step(self) -> None:
        """One round, unless another worker is at it."""
        location = self._settings.lake_location()
        if location is None:
            return
        with _alone(self._settings.var / "maintenance.lock") as mine:
            if mine:
                lake = Lake(location)
                # Erasures first: an event of an erased user must not be drained after the lake was cleaned.
                erase_queued(self._jobs, lake, self._control, self._settings.var / PREPARED)
                events = drain(self._state, lake, self._control)
                items = drain_items(self._control, self._state, lake)
                labels = drain_labels(self._control, self._state, lake)
                drained()
                if events or items or labels:
                    log.info("drained_to_lake", events=events, items=items, labels=labels)
                # What others brought into the lake, as after a promotion: the service knows whom it was trained on.
                known = sync(lake, self._state, self._control)
                if known.added:
                    log.info("synced_from_lake", events=known.added, version=known.version)

    def receipts(self) -> None:
        """One round of the decision log, unless another worker is at it; it needs no lake."""
        location = self._settings.lake_location()
        with _alone(self._settings.var / "maintenance.lock") as mine:
            if mine:
                self._upkeep.round(None if location is None else Lake(location))

    def _run(self) -> None:
        while not self._stopped.wait(self._settings.events_drain_seconds):
            for work in (self.step, self.receipts):
                try:
                    work()
                except RecsysError as error:
                    log.error("maintenance_failed", error=str(error))
                except Exception:
                    log.exception("maintenance_failed")


def erase_queued(jobs: Jobs, lake: Lake, control: ControlStore, prepared: Path) -> int:
    """Erase every user whose erasure is queued from the lake and what was prepared from it; returns how many."""
    done = 0
    while (job := jobs.take(ERASE)) is not None:
        try:
            user = str(job.payload["user_id"])
            # The time of the request, not of this job: what the user does since then stays.
            removed = lake.erase([user], at=control.erased_at(user))
            shutil.rmtree(prepared, ignore_errors=True)
        except RecsysError as error:
            jobs.failed(job.id, str(error))
            raise
        jobs.done(job.id)
        log.info("user_erased_from_lake", receipt=job.payload["receipt"], rows=sum(removed.values()))
        done += 1
    return done


@contextmanager
def _alone(path: Path) -> Iterator[bool]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
