"""The decision log: what was shown under which versions, one append-only segment file a worker.

A record holds no user and no history: it names the viewer class, the versions, and the shown items with source and
override; where the list was explored also the seed, which gives the same list again, and the items' propensities.
Records are flushed every 100 ms; a kill -9 may lose that much of decisions, and never an event, an audit entry or a
takedown, which are written before they are answered.
"""

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
import zstandard

from serving.asks import Answer

FLUSH_SECONDS = 0.1
SEGMENT_BYTES = 64_000_000
OPEN, CLOSED = ".jsonl", ".jsonl.zst"

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode


class DecisionLog:
    """Appends decisions of one worker under ``folder``; rotated segments are compressed."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._waiting: list[bytes] = []
        self._lock = threading.Lock()  # one writer of the file
        self._queue = threading.Lock()  # held for a moment only, on the way of a request
        self._stopped = threading.Event()
        self._file = self._opened()
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    def write(self, answers: Sequence[Answer]) -> None:
        """Queue the decisions; they reach the file within 100 ms."""
        records = [_encode(record(answer)) for answer in answers]
        with self._queue:
            self._waiting.extend(records)

    def flush(self) -> None:
        """Write what is queued now."""
        with self._lock:
            with self._queue:
                waiting, self._waiting = self._waiting, []
            try:
                self._append(waiting)
            except OSError:
                with self._queue:
                    self._waiting = waiting + self._waiting
                raise
            if self._file.tell() >= self._segment_bytes:
                self._rotate()

    def _append(self, records: list[bytes]) -> None:
        if records:
            self._file.write(b"\n".join(records) + b"\n")

    def close(self) -> None:
        """Flush and stop."""
        self._stopped.set()
        self._thread.join(timeout=5)
        self.flush()
        self._file.close()

    def _run(self) -> None:
        while not self._stopped.wait(FLUSH_SECONDS):
            try:
                self.flush()
            except OSError as error:  # a full disk must not stop recommendations; the next flush tries again
                log.error("decision_log_unwritable", error=str(error))

    def _opened(self) -> Any:
        name = f"{time.time_ns()}-{os.getpid()}{OPEN}"
        return (self._folder / name).open("xb", buffering=0)

    def _rotate(self) -> None:
        done = Path(self._file.name)
        self._file.close()
        self._file = self._opened()
        draft = done.with_suffix(".part")
        with done.open("rb") as source, draft.open("wb") as target:
            zstandard.ZstdCompressor().copy_stream(source, target)
        draft.rename(done.with_name(done.stem + CLOSED))
        done.unlink()


def record(answer: Answer) -> dict[str, Any]:
    """The loggable part of a decision, at most about 1 kB at 20 items."""
    view, viewer, slate = answer.view, answer.ask.viewer, answer.slate
    propensities = [float(f"{propensity:.6g}") for propensity in answer.propensities]
    return {
        "id": answer.decision_id,
        "at": round(answer.at, 3),
        "viewer": [viewer.surface, viewer.territory, viewer.age, answer.personalised],
        "bundle": view.bundle.version,
        "policy": view.policy_id,
        "control": view.sequence,
        "overlay": len(view.overlay),
        "k": answer.ask.k,
        "items": [
            [view.ids[int(item)], source, override] if override else [view.ids[int(item)], source]
            for item, source, override in zip(slate.items, slate.sources, slate.overrides, strict=True)
        ],
        "degraded": list(answer.degraded),
        **({"live": answer.live} if answer.live is not None else {}),
        **({"offset": answer.offset} if answer.offset else {}),
        **({"seed": answer.ask.seed, "propensities": propensities} if propensities else {}),
    }
