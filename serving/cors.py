"""Browsers of other origins: none, unless the settings name them exactly."""

from functools import cached_property

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.runtime import holder

METHODS = ("GET", "POST", "PUT", "DELETE")
HEADERS = ("authorization", "content-type", "x-api-key", "x-request-id")


class Origins:
    """Outside the guard, because a browser's preflight carries no key. Cookies are never allowed across origins."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry; without origins in the settings nothing is added and nothing is answered here."""
        app = self._open if scope["type"] == "http" and holder.settings.cors_origins else self._app
        await app(scope, receive, send)

    @cached_property
    def _open(self) -> ASGIApp:
        return CORSMiddleware(
            self._app,
            allow_origins=holder.settings.cors_origins,
            allow_methods=METHODS,
            allow_headers=HEADERS,
            expose_headers=("x-request-id", "retry-after"),
        )
