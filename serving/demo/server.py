"""The demo's server process and a small client for it."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.demo.steps import StepFailed, environment

READY_SECONDS = 120.0


@dataclass(frozen=True)
class Api:
    """Calls the served API with the key of a role."""

    url: str
    keys: Mapping[str, str]

    def call(self, role: str, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer; StepFailed with the problem's own words otherwise."""
        request = urllib.request.Request(  # noqa: S310 - always http to this machine
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.keys[role]}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise StepFailed(f"{method} {path} answered {error.code}: {error.read().decode()}") from None
        return json.loads(text) if text else None

    def titles(self, role: str, path: str, **body: Any) -> list[dict[str, Any]]:
        """The items of a list."""
        items: list[dict[str, Any]] = self.call(role, "POST", path, body)["items"]
        return items


@contextmanager
def served(var: Path, port: int, keys: Mapping[str, str]) -> Iterator[Api]:
    """`recsys serve` on ``port`` until the block ends."""
    log = var / "serve.log"
    command = [sys.executable, "-m", "training.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment(var), stdout=out, stderr=out)  # noqa: S603
        try:
            _await_ready(process, port, log)
            yield Api(f"http://localhost:{port}", keys)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


def _await_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StepFailed(f"The server stopped with code {process.returncode}; {log} says why.")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise StepFailed(f"The server was not ready within {READY_SECONDS:.0f} s; {log} says why.")
