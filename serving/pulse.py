"""Once a second each worker obeys what has changed, asked or not, and says in the metrics how it stands."""

import threading
import time

import structlog

from recsys.errors import StoreError
from serving.engine import Engine
from serving.measures import gauge, tallies
from serving.stores.control import ControlStore

log = structlog.get_logger()


class Pulse:
    """A thread that keeps a worker without requests up to date, and its gauges true."""

    def __init__(self, control: ControlStore, every: float = 1.0) -> None:
        self._control = control
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self.engine: Engine | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Stop."""
        self._stopped.set()
        self._thread.join(timeout=5)
        tallies.settle()

    def beat(self) -> None:
        """One look."""
        tallies.settle()
        engine = self.engine
        gauge("recsys_control_silent_seconds", self._control.silent_seconds())
        gauge("recsys_bundle_loaded", float(engine is not None))
        if engine is None:
            return
        view = engine.live.view()
        engine.follow(view)
        manifest = view.bundle.manifest
        gauge("recsys_control_sequence", view.sequence)
        gauge("recsys_bundle_created_timestamp_seconds", manifest.created_at.timestamp())
        if manifest.at is not None:
            gauge("recsys_bundle_data_timestamp_seconds", manifest.at)

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            try:
                self.beat()
            except StoreError:  # said by the requests that need the store, and by the gauge of its silence
                continue
            except Exception:
                log.exception("pulse_failed")


def drained(at: float | None = None) -> None:
    """Accepted events are in the lake, or there were none to bring."""
    gauge("recsys_lake_written_timestamp_seconds", time.time() if at is None else at)
