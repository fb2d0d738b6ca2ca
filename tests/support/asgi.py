"""The API with its guard in this process, over real stores and a small bundle."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass
class Inside:
    """The running application, its keys and its worker."""

    app: ASGIApp
    keys: dict[str, str]
    runtime: Runtime

    async def call(self, method: str, path: str, body: Any = None, *, role: str | None = "platform", **more: Any):
        """One request with the key of a role, or without a key, from somewhere else."""
        headers = {} if role is None else {"X-API-Key": self.keys[role]}
        headers.update(more.pop("headers", {}))
        transport = httpx.ASGITransport(self.app, client=("203.0.113.9", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, json=body, headers=headers, **more)


@contextmanager
def inside(var: Path, **settings: Any) -> Iterator[Inside]:
    """The application until the block ends; the worker's runtime is this process' own."""
    publish(var)
    keys = make_keys(var)
    holder.stop()
    runtime = holder.start(Settings(var=var, **settings))
    try:
        yield Inside(Origins(Guard(create_app())), keys, runtime)
    finally:
        holder.stop()
        holder.settings = Settings()
