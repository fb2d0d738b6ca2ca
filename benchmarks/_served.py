"""The product's service with two routes more that only answer: what the framework itself costs.

``/noop`` is a route as anyone mounts it in BentoML. ``/v1/noop`` is left out of BentoML's spans as the product's own
routes are. Neither passes the guard. Both read the body and send the bytes of the file that ``RECSYS_BENCH_ANSWER``
names.
"""

import os
from pathlib import Path
from typing import Any

from serving.middleware import Guard
from serving.service import Recommender

PATHS = ("/noop/", "/v1/noop/")


class Noop:
    """Reads a body and sends the same answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI entry."""
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._answer})


class Around:
    """The guard, but not in front of the routes that only answer."""

    def __init__(self, app: Any) -> None:
        self._app, self._guard = app, Guard(app)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI entry."""
        inner = self._app if scope.get("path", "").startswith(PATHS) else self._guard
        await inner(scope, receive, send)


noop = Noop(Path(os.environ["RECSYS_BENCH_ANSWER"]).read_bytes())
Recommender.mount_apps[:0] = [(noop, path.rstrip("/"), path) for path in PATHS]  # type: ignore[attr-defined]
Recommender.middlewares[:] = [  # type: ignore[attr-defined]
    (Around if cls is Guard else cls, options)
    for cls, options in Recommender.middlewares  # type: ignore[attr-defined]
]
