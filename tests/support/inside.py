"""The whole HTTP API in this process: guard, routes, stores and engine, without a server."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from serving.api.app import create_app
from serving.middleware import Guard
from serving.runtime import Runtime, holder
from serving.settings import Settings
from support.http import make_keys, publish

CHAMPION = "champion.json"
# What is answered must not hang on how busy the machine is: tests of deadlines set their own.
GIVEN = {"clock": "events", "policy": "open", "request_seconds": 9.9}


@dataclass
class Inside:
    """A client for it, with a key of every role (and ``safety2``)."""

    client: TestClient
    keys: dict[str, str]
    runtime: Runtime

    def call(self, method: str, path: str, body: Any = None, *, role: str = "safety") -> Any:
        """The answer, whatever its status."""
        return self.client.request(method, path, json=body, headers={"X-API-Key": self.keys[role]})

    def done(self, method: str, path: str, body: Any = None, *, role: str = "safety") -> Any:
        """The JSON of an answer that is no refusal."""
        answer = self.call(method, path, body, role=role)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def refused(self, status: int, method: str, path: str, body: Any = None, *, role: str = "safety") -> str:
        """The sentence of a refusal with this status."""
        answer = self.call(method, path, body, role=role)
        assert answer.status_code == status, answer.text
        detail: str = answer.json()["detail"]
        return detail

    def ids(self, **body: Any) -> list[str]:
        """The items of a list for an adult, unless told otherwise."""
        found = self.done("POST", "/v1/recommend", {"age": 30, "k": 40, **body}, role="platform")
        return [item["item_id"] for item in found["items"]]


@cache
def _bundle() -> Path:
    """A bundle for everybody who only reads it."""
    made = Path(tempfile.mkdtemp(prefix="recsys-test-"))
    publish(made)
    return made / CHAMPION


@contextmanager
def inside(var: Path, **settings: Any) -> Iterator[Inside]:
    """The API over a small bundle in ``var``, which follows the events' time."""
    shutil.copy(_bundle(), var / CHAMPION)
    keys = make_keys(var)
    runtime = holder.start(Settings(var=var, **{**GIVEN, **settings}))
    try:
        yield Inside(TestClient(Guard(create_app())), keys, runtime)
    finally:
        holder.stop()
