"""A served process and a client for it."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from recsys.bundle import MANIFEST, Bundle, sha256_of
from serving.stores.control import ControlStore
from support.data import AT
from support.serve import make_bundle


def publish(var: Path, name: str = "one", **facts: Any) -> str:
    """Write a bundle under ``var`` and make it the champion; returns its version."""
    return promote(var, make_bundle(var / "bundles" / name, **facts))


def promote(var: Path, bundle: Bundle) -> str:
    """Make a written bundle the champion; returns its version."""
    digest = sha256_of(bundle.path / MANIFEST)
    champion = {"version": bundle.version, "path": str(bundle.path), "manifest_sha256": digest}
    draft = var / "champion.part"
    draft.write_text(json.dumps(champion))
    draft.replace(var / "champion.json")
    return bundle.version


def free_port() -> int:
    """A port that nobody listens on, below those that the system hands out for connections of its own meanwhile."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("None of a hundred ports between 20000 and 32000 is free.")


@dataclass
class Served:
    """A running service."""

    var: Path
    url: str
    process: "subprocess.Popen[bytes]"
    keys: dict[str, str]
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=120))

    def call(
        self, method: str, path: str, body: Any = None, *, role: str | None = "platform", **more: Any
    ) -> httpx.Response:
        """One request with the key of a role, or without a key."""
        headers = {} if role is None else {"Authorization": f"Bearer {self.keys[role]}"}
        headers.update(more.pop("headers", {}))
        return self.client.request(method, self.url + path, json=body, headers=headers, **more)

    def items(self, **body: Any) -> list[dict[str, Any]]:
        """The items of a list for an adult, unless told otherwise."""
        answer = self.call("POST", "/v1/recommend", {"age": 30, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def ids(self, **body: Any) -> list[str]:
        return [item["item_id"] for item in self.items(**body)]

    def kill(self) -> None:
        """kill -9 of the server and its workers, which lead process groups of their own."""
        parent = psutil.Process(self.process.pid)
        parent.suspend()  # else it may start a new worker in place of the first that is gone
        for process in [*parent.children(recursive=True), parent]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(timeout=30)


def make_keys(var: Path) -> dict[str, str]:
    """One key a role, and a second safety officer."""
    control = ControlStore.open(var / "control.db")
    roles = {"platform": "platform", "editor": "editor", "safety": "safety", "metrics": "metrics", "admin": "admin"}
    keys = {name: control.create_key(f"test-{name}", role, "tests") for name, role in roles.items()}
    keys["safety2"] = control.create_key("test-safety-2", "safety", "tests")
    control.close()
    return keys


@contextmanager
def serving(
    var: Path, keys: dict[str, str], *, workers: int = 1, ready: bool = True, **settings: str
) -> Iterator[Served]:
    """`recsys serve` over ``var`` until the block ends."""
    port = free_port()
    env = {
        **os.environ,
        "RECSYS_VAR": str(var),
        "RECSYS_CLOCK": "events",
        "RECSYS_EVENTS_DRAIN_SECONDS": "0.5",
        # What is answered must not hang on how busy the machine is.
        "RECSYS_LIST_SECONDS": "60",
        "RECSYS_REQUEST_SECONDS": "9.9",
        **{f"RECSYS_{name.upper()}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "training.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers)]
    with (var / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True, cwd=var)
        served = Served(var, f"http://127.0.0.1:{port}", process, keys)
        try:
            if ready:
                _await_ready(served)
            yield served
        finally:
            served.client.close()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    served.kill()


def _await_ready(served: Served, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if served.process.poll() is not None:
            break
        try:
            if served.client.get(served.url + "/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"The service did not become ready:\n{(served.var / 'serve.log').read_text()[-5000:]}")


__all__ = ["AT", "Served", "free_port", "make_keys", "promote", "publish", "serving"]
