"""The whole HTTP API in this process: guard, routes, stores and engine, without a server."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from serving.api.app import create_app
from serving.cors import Origins
from serving.middleware import Guard
from serving.runtime import Runtime, holder
from serving.settings import Settings
from support.http import make_keys, publish

CHAMPION = "champion.json"
GIVEN = {"clock": "events", "policy": "open"}
# What is answered must not hang on how busy the machine is; tests of deadlines set their own.
PATIENCE = {"list_seconds": 60.0, "request_seconds": 60.0}


@dataclass
class Inside:
    """The running application, its worker, and a key of every role (and ``safety2``)."""

    app: ASGIApp
    keys: dict[str, str]
    runtime: Runtime

    async def call(
        self, method: str, path: str, body: Any = None, *, role: str | None = "platform", **more: Any
    ) -> httpx.Response:
        """The answer, whatever its status, with the key of a role or without a key, from another machine."""
        headers = {} if role is None else {"X-API-Key": self.keys[role]}
        headers.update(more.pop("headers", {}))
        transport = httpx.ASGITransport(self.app, client=("203.0.113.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, json=body, headers=headers, **more)

    def answer(self, method: str, path: str, body: Any = None, *, role: str = "safety") -> httpx.Response:
        """The answer, whatever its status, for a test that does nothing beside."""
        return asyncio.run(self.call(method, path, body, role=role))

    def done(self, method: str, path: str, body: Any = None, *, role: str = "safety") -> Any:
        """The JSON of an answer that is no refusal."""
        answer = self.answer(method, path, body, role=role)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def refused(self, status: int, method: str, path: str, body: Any = None, *, role: str = "safety") -> str:
        """The sentence of a refusal with this status."""
        answer = self.answer(method, path, body, role=role)
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
    """The API over a small bundle and the stores of ``var``; it follows the events' time unless told otherwise."""
    shutil.copy(_bundle(), var / CHAMPION)
    keys = make_keys(var)
    holder.stop()
    given = Settings(var=var, **{**GIVEN, **settings})
    runtime = holder.start(given.model_copy(update=PATIENCE))  # a copy may have what settings refuse
    try:
        yield Inside(Origins(Guard(create_app())), keys, runtime)
    finally:
        holder.stop()
        holder.settings = Settings()
