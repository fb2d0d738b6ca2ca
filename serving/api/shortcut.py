"""The routes that give lists, without the framework around them, which takes a third of the time of such an answer.

They are the framework's routes all the same: it documents them, and whatever is not a plain good request goes to it,
so that it is refused in one place and in the same words.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.lists import listed, recommend_ask, similar_ask
from serving.api.schemas import RecommendRequest, SimilarRequest
from serving.asks import Ask, AskError

T = TypeVar("T")


def _reader(shape: type[T], ask: Callable[[T], Ask]) -> Callable[[bytes], Ask]:
    decode = msgspec.json.Decoder(shape).decode
    return lambda body: ask(decode(body))


class Shortcut:
    """Answers POST /v1/recommend and /v1/similar; stands behind the guard, which has read the whole body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._readers = {
            "/v1/recommend": _reader(RecommendRequest, recommend_ask),
            "/v1/similar": _reader(SimilarRequest, similar_ask),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        reader = self._readers.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if reader is None or not _is_json(scope):
            await self._app(scope, receive, send)
            return
        message = await receive()
        ask = _read(reader, message)
        try:
            told = None if ask is None else await listed(ask)
        except AskError:
            told = None
        if told is None:  # the application says what is wrong with it
            await self._app(scope, partial(_once_more, [message], receive), send)
            return
        status, kind, body = told
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _read(reader: Callable[[bytes], Ask], message: Message) -> Ask | None:
    try:
        return reader(message["body"])
    except Exception:  # noqa: BLE001 - whatever it is, the route meets it again
        return None


def _is_json(scope: Scope) -> bool:
    kinds: list[Any] = [value for name, value in scope["headers"] if name == b"content-type"]
    return len(kinds) == 1 and kinds[0].split(b";")[0].strip() == b"application/json"


async def _once_more(read: list[Message], receive: Receive) -> Message:
    return read.pop() if read else await receive()
