"""The one outer layer over every route: request id, key, role, rate, size and time limits, the line in the log."""

import asyncio
import math
import re
import secrets
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys.errors import StoreError
from serving.api.problems import MEDIA_TYPE, problem
from serving.bounds import check_head, read_body, replayed
from serving.limits import Rates
from serving.measures import requested
from serving.refusal import Refusal
from serving.roles import allowed, is_public
from serving.routes import route_of
from serving.runtime import holder
from serving.stores.control import Principal

log = structlog.get_logger()
REQUEST_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
UNLIMITED = frozenset({("POST", "/v1/takedowns")})  # nothing may hold up what takes a work down
CACHES = b"cache-control"
LOOPBACK = frozenset({"127.0.0.1", "::1"})


class Guard:
    """Lets a request through to the routes only with a key whose role may call them, within rate, size and time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._rates: Rates | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry; anything that is neither HTTP nor the lifespan is refused."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = _headers(scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        answer = _Answer(send, request_id)
        scope["state"] = {**scope.get("state", {}), "principal": None, "request_id": request_id}
        try:
            await self._pass(scope, headers, receive, answer)
        except Refusal as refusal:
            await answer.problem(refusal.status, refusal.detail, refusal.retry_after)
        except Exception:
            # The last line: a fault of ours is a problem document with an id to find it by, never a traceback.
            log.exception("request_failed", request_id=request_id, route=route_of(scope["path"]))
            await answer.problem(500, "Something went wrong here; the request id finds it in the logs.")
        finally:
            _told(scope, answer)

    async def _pass(self, scope: Scope, headers: dict[str, str], receive: Receive, answer: "_Answer") -> None:
        check_head(scope)
        principal = _principal(scope, headers)
        if principal is not None:
            self._count(principal, scope)
        if scope["path"] == "/":  # BentoML's own page, which has a browser load scripts from elsewhere
            raise Refusal(404, "There is no page here; GET /schema describes the API.")
        seconds, body = holder.settings.request_seconds, None
        scope["state"]["principal"] = principal
        try:
            async with asyncio.timeout(seconds) as limit:
                body = await read_body(receive, headers, holder.settings.max_body_bytes)
                await self._app(scope, replayed(body, receive), answer)
        except TimeoutError:
            if not limit.expired():
                raise
            if body is None:
                raise Refusal(408, f"The body did not arrive within {seconds:g} seconds.") from None
            detail = f"No answer within {seconds:g} seconds. What was asked may still be carried out; ask again."
            raise Refusal(503, detail, retry_after=seconds) from None

    def _count(self, principal: Principal, scope: Scope) -> None:
        if self._rates is None:
            self._rates = Rates(holder.settings.rates)
        if (scope["method"], scope["path"]) in UNLIMITED:
            return
        wait = self._rates.wait(principal)
        if wait > 0:
            raise Refusal(429, "This key has used up its rate; wait as long as Retry-After says.", retry_after=wait)


class _Answer:
    """``send`` with the request id added to every response, and word to caches outside that they keep none of it.

    A list that a proxy or a browser kept would show a work for as long as they like after it was taken down.
    """

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._started = False
        self.status = 0
        self.begun = time.perf_counter()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            self.status = message["status"]
            headers = [*message.get("headers", []), (b"x-request-id", self._request_id.encode())]
            if all(name.lower() != CACHES for name, _ in headers):
                headers.append((CACHES, b"no-store"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def problem(self, status: int, detail: str, retry_after: float | None = None) -> None:
        if self._started:
            return  # half an answer is out; the server closes the connection
        body = problem(status, detail, request_id=self._request_id)
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if retry_after is not None:
            headers.append((b"retry-after", str(math.ceil(retry_after)).encode()))
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


def _told(scope: Scope, answer: _Answer) -> None:
    """The request in the metrics and, if the settings want it, in the log: its route, never its path or body."""
    seconds, route = time.perf_counter() - answer.begun, route_of(scope["path"])
    requested(scope["method"], route, answer.status, seconds)
    wanted = holder.settings.log_requests
    if wanted == "all" or (wanted == "failed" and answer.status >= 500):
        principal: Principal | None = scope["state"]["principal"]
        log.info(
            "request",
            request_id=scope["state"]["request_id"],
            method=scope["method"],
            route=route,
            status=answer.status,
            ms=round(seconds * 1e3, 1),
            key=None if principal is None else principal.id,
        )


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def _principal(scope: Scope, headers: dict[str, str]) -> Principal | None:
    method, path = scope["method"], scope["path"]
    if is_public(method, path):
        return None
    token = headers.get("x-api-key", "")
    if not token and headers.get("authorization", "").startswith("Bearer "):
        token = headers["authorization"][len("Bearer ") :]
    if not token:
        if path == "/metrics" and _from_loopback(scope, headers):
            return None
        raise Refusal(401, "Send your API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.")
    try:
        principal = holder.runtime().control.authenticate(token)
    except StoreError:
        raise Refusal(503, "Keys cannot be checked now; try again shortly.") from None
    if principal is None:
        raise Refusal(401, "This API key is unknown or revoked.")
    if not allowed(principal.role, method, path):
        raise Refusal(403, f"A key of role {principal.role} may not {method} {path}.")
    return principal


def _from_loopback(scope: Scope, headers: dict[str, str]) -> bool:
    client = scope.get("client")
    forwarded = any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    return client is not None and client[0] in LOOPBACK and not forwarded
