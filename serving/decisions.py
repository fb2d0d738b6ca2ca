"""The decision log of one worker: what was shown under which versions, hash-chained, and who it was for beside it.

A request only queues its answer; a thread encodes, chains and writes it within 100 ms. A kill -9 may lose that much of
decisions, and never an event, an audit entry or a takedown, which are written before they are answered.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO
from urllib.parse import quote

import msgspec
import structlog
import zstandard

from recsys.clock import Clock, system_clock
from recsys.errors import DataError, RecsysError
from serving.asks import Answer
from serving.receipts.chain import CLOSED, OPEN, SIDE, header, last, linked, node_of, path_of, segments
from serving.receipts.records import FORMAT, Side, packing, record, side
from serving.receipts.sides import Sides

FLUSH_SECONDS = 0.1
SEGMENT_BYTES = 64_000_000
SEGMENT_SECONDS = 86_400.0  # also a quiet worker begins a new segment every day, so that old ones can go
AT_ONCE = 8  # decisions that are encoded before others may go on, half a millisecond
MOST_WAITING = 20_000  # decisions; what comes on top while the disk takes nothing is lost, and said
POLICIES = "policies"

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode
__all__ = ["DecisionLog", "record"]


class DecisionLog:
    """Appends the decisions of one worker under ``folder``; ``pseudonym`` names users there."""

    def __init__(
        self,
        folder: Path,
        pseudonym: Callable[[str], str],
        *,
        clock: Clock = system_clock,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
    ) -> None:
        (folder / POLICIES).mkdir(parents=True, exist_ok=True)
        self._folder, self._pseudonym, self._clock = folder, pseudonym, clock
        self._limits = segment_bytes, segment_seconds
        self._waiting: list[Answer] = []
        self._unwritten: tuple[list[bytes], list[Side]] = ([], [])
        self._policies: set[str] = set()
        self._lock = threading.Lock()  # one writer of the file
        self._pack = packing()  # used under the lock
        self._queue = threading.Lock()  # held for a moment only, on the way of a request
        self._stopped = threading.Event()
        self._n, self._head, self._number = 0, "", 0
        self._take_chain()
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    def write(self, answers: Sequence[Answer]) -> None:
        """Queue the decisions; they reach the file within 100 ms."""
        with self._queue:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.extend(answers)
                return
        log.error("decision_log_full", lost=len(answers))

    def flush(self) -> None:
        """Write what is queued now."""
        with self._lock:
            texts, sides = self._unwritten
            if not texts:  # what the disk did not take goes first
                with self._queue:
                    waiting, self._waiting = self._waiting, []
                for place, answer in enumerate(waiting, 1):
                    self._encoded(answer, texts, sides)
                    if place % AT_ONCE == 0:
                        time.sleep(0)  # a request that waits for the interpreter comes first
            if texts:
                self._sides.add(sides)  # before the records: a record without its side would look erased
                self._append(b"".join(texts))
                self._unwritten = ([], [])
            size, seconds = self._limits
            if self._size >= size or (self._n > self._began[0] and self._clock() - self._began[1] >= seconds):
                self._rotate()

    def close(self) -> None:
        """Flush and stop; the next worker goes on with the chain."""
        self._stopped.set()
        self._thread.join(timeout=5)
        self.flush()
        self._file.close()
        self._sides.close()
        self._place.close()

    def _encoded(self, answer: Answer, texts: list[bytes], sides: list[Side]) -> None:
        user = answer.ask.user_id
        try:
            beside, seal = side(answer, None if user is None else self._pseudonym(user), self._pack)
            body = _encode({"v": FORMAT, "n": self._n + 1, **record(answer), "side": seal})
            self._keep_policy(answer)
        except Exception:  # one decision that cannot be written must not stop the log of all others
            log.exception("decision_not_logged", decision_id=answer.decision_id)
            return
        line, self._head = linked(self._head, body)
        self._n += 1
        texts.append(line + b"\n")
        sides.append(beside)

    def _keep_policy(self, answer: Answer) -> None:
        """Each policy that decided anything, so that replay has it however the packs change."""
        if answer.view.policy_id in self._policies:
            return
        for policy in answer.view.gate.policies:
            file = policy_file(self._folder, policy.cite)
            if not file.exists():
                draft = file.with_suffix(f".{os.getpid()}.part")
                draft.write_text(policy.model_dump_json(), encoding="utf-8")
                draft.replace(file)
        self._policies.add(answer.view.policy_id)

    def _append(self, data: bytes) -> None:
        """All of it or, on a full disk, nothing: half a line would break the chain."""
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise
        self._size += len(data)

    def _run(self) -> None:
        while not self._stopped.wait(FLUSH_SECONDS):
            try:
                self.flush()
            except (OSError, RecsysError) as error:  # a full disk must not stop recommendations; the next flush tries
                log.error("decision_log_unwritable", error=str(error))
            except Exception:
                log.exception("decision_log_failed")

    def _take_chain(self) -> None:
        """The first chain of this node that nobody writes and that can be gone on with."""
        node, slot = node_of(self._folder), 0
        while True:
            self._chain = f"{node}-{slot}"
            slot += 1
            place = _locked(self._folder / f"{self._chain}.lock")
            if place is None:
                continue
            try:
                self._go_on()
            except DataError as error:  # said by verify too; it must not keep the worker from serving
                log.error("decision_chain_damaged", chain=self._chain, error=str(error))
                place.close()
                continue
            self._place = place
            return

    def _go_on(self) -> None:
        """Continue the chain's last segment, or begin its first one."""
        _tidy(self._folder, self._chain)
        own = [found for found in segments(self._folder) if found.chain == self._chain]
        self._n, self._head, self._number = 0, "", 0
        if not own:
            self._begin()
            return
        newest = own[-1]
        end = last(newest)
        self._n, self._head, self._number = end["n"], end["h"], newest.number
        if newest.path.name.endswith(CLOSED):
            self._begin()
            return
        first = header(newest)
        self._began = first["n"], first["opened"]
        self._write_to(newest.path)

    def _write_to(self, path: Path) -> None:
        self._file = path.open("r+b", buffering=0)
        self._size = self._file.seek(0, os.SEEK_END)
        self._sides = Sides(path.with_suffix(SIDE))

    def _begin(self) -> None:
        """A new segment, whose header ties it to the one before."""
        number, now = self._number + 1, self._clock()
        path = path_of(self._folder, self._chain, number)
        about = {"v": FORMAT, "chain": self._chain, "segment": number, "n": self._n, "opened": now}
        line, head = linked(self._head, _encode({**about, "previous": self._head}))
        draft = path.with_suffix(".part")
        draft.write_bytes(line + b"\n")
        draft.replace(path)
        self._write_to(path)
        self._number, self._head, self._began = number, head, (self._n, now)

    def _rotate(self) -> None:
        done, sides = self._file, self._sides
        self._begin()
        done.close()
        sides.close()
        _pack(Path(done.name))


def policy_file(folder: Path, cite: str) -> Path:
    """Where a policy that decided something is kept, by the name that records give it."""
    return folder / POLICIES / f"{quote(cite, safe='@+')}.json"


def _locked(path: Path) -> IO[str] | None:
    """The lock on a chain, None where another worker holds it."""
    place = path.open("w")
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        place.close()
        return None
    return place


def _tidy(folder: Path, chain: str) -> None:
    """Finish what a kill interrupted: half-made files go, segments that are done are packed."""
    for draft in folder.glob(f"{chain}.*.part"):
        draft.unlink()
    plain = sorted(folder.glob(f"{chain}.*{OPEN}"))
    for done in plain[:-1]:
        _pack(done)
    for newest in plain[-1:]:
        _cut(newest)


def _cut(path: Path) -> None:
    """Take off a last line that a kill left half written."""
    with path.open("r+b") as file:
        whole = file.read()
        keep = whole.rfind(b"\n") + 1
        if keep < len(whole):
            file.truncate(keep)


def _pack(plain: Path) -> None:
    draft = plain.with_suffix(".part")
    with plain.open("rb") as source, draft.open("wb") as target:
        zstandard.ZstdCompressor().copy_stream(source, target)
    draft.replace(plain.with_name(plain.stem + CLOSED))
    plain.unlink()
