"""The one outer layer over every route: request id, key, role, body limit."""

import re
import secrets
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsys.errors import StoreError
from serving.api.problems import MEDIA_TYPE, problem
from serving.roles import allowed, is_public
from serving.runtime import holder
from serving.stores.control import Principal

log = structlog.get_logger()
REQUEST_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
LOOPBACK = frozenset({"127.0.0.1", "::1"})


class Refusal(Exception):
    """A request that ends here."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Guard:
    """Lets a request through to the routes only with a key whose role may call them, and a body within bounds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

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
        try:
            principal = _principal(scope, headers)
            body = await _body(receive, headers)
            scope["state"] = {**scope.get("state", {}), "principal": principal, "request_id": request_id}
            await self._app(scope, _replayed(body, receive), answer)
        except Refusal as refusal:
            await answer.problem(refusal.status, refusal.detail)
        except Exception:
            # The last line: a fault of ours is a problem document with an id to find it by, never a traceback.
            log.exception("request_failed", request_id=request_id, path=scope["path"])
            await answer.problem(500, "Something went wrong here; the request id finds it in the logs.")


class _Answer:
    """``send`` with the request id added to every response."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            header = (b"x-request-id", self._request_id.encode())
            message = {**message, "headers": [*message.get("headers", []), header]}
        await self._send(message)

    async def problem(self, status: int, detail: str) -> None:
        if self._started:
            return  # half an answer is out; the server closes the connection
        body = problem(status, detail, request_id=self._request_id)
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


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


async def _body(receive: Receive, headers: dict[str, str]) -> bytes:
    limit = holder.settings.max_body_bytes
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise Refusal(413, f"The body has {length} bytes; at most {limit} are read.")
    chunks, size, more = [], 0, True
    while more:
        message: dict[str, Any] = dict(await receive())
        chunk = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limit:
            raise Refusal(413, f"The body is larger than the {limit} bytes that are read.")
        chunks.append(chunk)
    return b"".join(chunks)


def _replayed(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
