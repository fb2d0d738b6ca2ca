"""How large a request may be: its target, its headers, its body."""

from typing import Any

from starlette.types import Message, Receive, Scope

from serving.refusal import Refusal

MAX_TARGET = 8_192  # bytes of path and query
MAX_HEADERS = 100
MAX_HEADER_BYTES = 32_768


def check_head(scope: Scope) -> None:
    """Refuse a target or headers beyond what any client of this API needs."""
    if len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"]) > MAX_TARGET:
        raise Refusal(414, f"Path and query are longer than the {MAX_TARGET} bytes that are read.")
    headers = scope["headers"]
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        raise Refusal(431, f"At most {MAX_HEADERS} headers of {MAX_HEADER_BYTES} bytes together are read.")


async def read_body(receive: Receive, headers: dict[str, str], limit: int) -> bytes:
    """The whole body; refused where it is larger than ``limit`` bytes."""
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


def replayed(body: bytes, receive: Receive) -> Receive:
    """``receive`` for the routes: the body that has been read already, in one piece."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
