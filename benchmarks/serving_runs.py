"""A served process and the load on it, each on a core of its own where there are two."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import Measured, Plan, load
from benchmarks.serving_cases import Case
from recsys.errors import FitError
from serving.commands.run import serving_environment

OURS, PEER, LEAN = "/v1/recommend", "/noop/", "/v1/noop/"
CONNECTIONS = 16
WAIT_SECONDS = 180


@dataclass(frozen=True)
class Server:
    """A running server and how it is asked."""

    port: int
    core: int  # of the load
    bodies: tuple[str, ...]
    headers: tuple[tuple[str, str], ...] = ()

    def load(self, path: str, seconds: float, *, rate: float | None = None) -> Measured:
        """Ask one route; FitError where an answer is not 200."""
        plan = Plan(self.port, path, self.bodies, seconds, CONNECTIONS, rate, self.headers, self.core)
        found = load(plan)
        if found.failed:
            raise FitError(f"{found.failed} requests to {path} failed; the server's log says why.")
        return found


def cores() -> tuple[int, int]:
    """One for the server and one for the load; the same where there is only one."""
    free = sorted(os.sched_getaffinity(0))
    return free[-1], free[0]


@contextmanager
def product(case: Case, *, workers: int = 1) -> Iterator[Server]:
    """The product as `recsys serve` runs it, with the routes that only answer beside its own."""
    own, other = cores()
    answer = case.var / "answer.json"
    if not answer.is_file():
        answer.write_bytes(b"{}")
        with _served(case, answer, own, workers) as port:
            answer.write_bytes(_post(port, case))
    with _served(case, answer, own, workers) as port:
        bodies = tuple(case.body(user).decode() for user in case.users)
        yield Server(port, other, bodies, (("authorization", f"Bearer {case.key}"),))


@contextmanager
def _served(case: Case, answer: Path, core: int, workers: int) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", "benchmarks._served:Recommender", "--host", "127.0.0.1"]
    command += ["--port", str(port)]
    env = {**serving_environment(case.var), "RECSYS_VAR": str(case.var), "RECSYS_WORKERS": str(workers)}
    env["RECSYS_BENCH_ANSWER"] = str(answer)
    with running(command, env, core, case.var / "serve.log"):
        await_answer(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200)
        yield port


@contextmanager
def running(command: Sequence[str], env: dict[str, str], core: int, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process group pinned to a core, ended at the end."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command], env=env, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)


def await_answer(ready: Callable[[], bool]) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        try:
            if ready():
                return
        except OSError:
            time.sleep(0.2)
    raise FitError(f"The server did not answer within {WAIT_SECONDS} s; its log says why.")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _post(port: int, case: Case) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{OURS}",
        case.body(case.users[0]),
        {"authorization": f"Bearer {case.key}", "content-type": "application/json"},
    )
    return bytes(urllib.request.urlopen(request, timeout=30).read())
