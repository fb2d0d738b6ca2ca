"""A load generator that is not the bottleneck: raw sockets, requests as ready-made bytes, HTTP/1.1 keep-alive.

    python benchmarks/load.py < plan.json        # prints what it measured as one JSON object

It runs as a process of its own, on a core of its own where there is one. ``rate`` None is a closed loop: each
connection asks again as soon as it is answered. A ``rate`` is an open loop: requests start at even moments whether or
not earlier ones are answered, and a latency counts from the moment a request should have started.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

CLOSED = None


@dataclass(frozen=True)
class Plan:
    """What is asked of whom, for how long."""

    port: int
    path: str
    bodies: tuple[str, ...]  # asked in turn
    seconds: float
    connections: int = 16
    rate: float | None = CLOSED  # requests a second
    headers: tuple[tuple[str, str], ...] = ()
    core: int | None = None  # to run on
    warm: float = 0.5  # s at the start that are not counted


@dataclass(frozen=True)
class Measured:
    """What came of it; latencies in ms."""

    rate: float  # answers a second
    answers: int
    failed: int  # any status but 200
    p50: float
    p99: float


def load(plan: Plan) -> Measured:
    """Run a plan in a process of its own."""
    found = subprocess.run(
        [sys.executable, __file__], input=json.dumps(asdict(plan)), capture_output=True, text=True, check=True
    )
    return Measured(**json.loads(found.stdout))


def requests_of(plan: Plan) -> list[bytes]:
    """The bytes of each request."""
    lines = [f"POST {plan.path} HTTP/1.1", f"host: 127.0.0.1:{plan.port}", "content-type: application/json"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in plan.headers)])
    return [f"{head}\r\ncontent-length: {len(body.encode())}\r\n\r\n{body}".encode() for body in plan.bodies]


class _Book:
    """Which request comes next, and what was measured."""

    def __init__(self, plan: Plan, requests: list[bytes]) -> None:
        self.requests = requests
        self.begin = time.perf_counter() + plan.warm
        self.end = self.begin + plan.seconds
        self.latencies: list[float] = []
        self.failed = 0
        self._next = 0

    def request(self) -> bytes:
        self._next = (self._next + 1) % len(self.requests)
        return self.requests[self._next]

    def answered(self, since: float, ok: bool) -> None:
        now = time.perf_counter()
        if self.begin <= since and now <= self.end:
            self.latencies.append(now - since)
        self.failed += not ok


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, book: _Book, idle: "deque[_Connection] | None", due: deque[float]) -> None:
        self._book, self._idle, self._due = book, idle, due
        self._transport: Any = None
        self._data = b""
        self._needed = 0
        self._since = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if self._idle is None:
            self.ask(time.perf_counter())
        else:
            self._idle.append(self)

    def ask(self, since: float) -> None:
        self._since = since
        self._transport.write(self._book.request())

    def data_received(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        if not self._needed:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needed = end + 4 + _length(self._data[:end])
        if len(self._data) < self._needed:
            return
        ok = self._data.startswith(b"HTTP/1.1 200")
        self._data, self._needed = b"", 0
        self._book.answered(self._since, ok)
        now = time.perf_counter()
        if self._idle is None:
            if now < self._book.end:
                self.ask(now)
        elif self._due:
            self.ask(self._due.popleft())
        else:
            self._idle.append(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._book.failed += 1


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at < 0:
        raise ValueError("an answer says nothing of its length")
    end = lower.find(b"\r\n", at)
    return int(lower[at + 15 : end if end >= 0 else None])


async def _run(plan: Plan) -> Measured:
    book = _Book(plan, requests_of(plan))
    idle: deque[_Connection] | None = None if plan.rate is CLOSED else deque()
    due: deque[float] = deque()
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(lambda: _Connection(book, idle, due), "127.0.0.1", plan.port)
        for _ in range(plan.connections)
    ]
    if plan.rate is not None and idle is not None:
        await _start_evenly(plan.rate, book, idle, due)
    else:
        await asyncio.sleep(book.end - time.perf_counter())
    failed = book.failed
    for transport, _ in opened:
        transport.close()
    return _measured(sorted(book.latencies), failed, plan.seconds)


async def _start_evenly(rate: float, book: _Book, idle: "deque[_Connection]", due: deque[float]) -> None:
    moment = time.perf_counter()
    while moment < book.end:
        wait = moment - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait if wait > 0.002 else 0)
            continue
        if idle:
            idle.popleft().ask(moment)
        else:
            due.append(moment)
        moment += 1 / rate


def _measured(latencies: list[float], failed: int, seconds: float) -> Measured:
    def at(share: float) -> float:
        return latencies[min(int(share * len(latencies)), len(latencies) - 1)] * 1e3 if latencies else float("nan")

    return Measured(len(latencies) / seconds, len(latencies), failed, at(0.5), at(0.99))


def main() -> None:
    """Read a plan, print what it measured."""
    import uvloop

    given = json.load(sys.stdin)
    plan = Plan(**{**given, "bodies": tuple(given["bodies"]), "headers": tuple(map(tuple, given["headers"]))})
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    print(json.dumps(asdict(uvloop.run(_run(plan)))))


if __name__ == "__main__":
    main()
