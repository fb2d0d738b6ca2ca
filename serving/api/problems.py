"""RFC 9457 problem documents: the one shape of every refusal."""

from typing import Any

import msgspec

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "No valid key",
    403: "Not allowed for this key",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timeout",
    409: "Conflict",
    413: "Body too large",
    414: "Target too long",
    415: "Unsupported media type",
    429: "Too many requests",
    431: "Headers too large",
    500: "Internal error",
    503: "Not available now",
}
_encode = msgspec.json.Encoder().encode


def problem(status: int, detail: str, *, request_id: str = "", field: str | None = None) -> bytes:
    """The JSON of a problem; ``field`` names what is wrong in the request."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
    }
    if field:
        document["field"] = field
    if request_id:
        document["request_id"] = request_id
    return _encode(document)
