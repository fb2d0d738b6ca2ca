"""What a call may raise, read from the problem document of the answer.

::

    ApiError
    ├── Invalid       400, 413, …: correct the request; ``field`` says where
    │   └── Conflict  409: it takes another state, version or person; read again
    ├── Forbidden     401, 403: another key
    ├── NotFound      404
    ├── RateLimited   429: wait ``retry_after`` seconds
    └── Unavailable   408, 5xx, no answer at all: try again later
"""

import httpx
import msgspec


class ApiError(Exception):
    """An answer that is not what was asked for; ``status`` 0 is no answer at all."""

    def __init__(
        self, detail: str, *, status: int = 0, field: str = "", request_id: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"{status or 'no answer'}: {detail}" + (f" (request {request_id})" if request_id else ""))
        self.detail = detail
        self.status = status
        self.field = field
        self.request_id = request_id
        self.retry_after = retry_after


class Invalid(ApiError):
    """The request cannot be: correct it."""


class Forbidden(ApiError):
    """The key is missing, unknown, revoked or of another role."""


class NotFound(ApiError):
    """There is nothing of that id."""


class Conflict(Invalid):
    """What is there is not what the request takes: the detail says what is; nothing was changed."""


class RateLimited(ApiError):
    """The key has used up its rate."""


class Unavailable(ApiError):
    """The service does not answer now."""


class _Problem(msgspec.Struct):
    detail: str = ""
    field: str = ""
    request_id: str = ""


KINDS: dict[int, type[ApiError]] = {
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    408: Unavailable,
    429: RateLimited,
}


def error_of(answer: httpx.Response) -> ApiError:
    """The exception that an answer of 400 or more stands for."""
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.DecodeError:  # a proxy's page, not the service's
        problem = _Problem(detail=answer.reason_phrase)
    status, wait = answer.status_code, answer.headers.get("retry-after", "")
    kind = KINDS.get(status, Unavailable if status >= 500 else Invalid)
    return kind(
        problem.detail,
        status=status,
        field=problem.field,
        request_id=problem.request_id or answer.headers.get("x-request-id", ""),
        retry_after=float(wait) if wait.isdigit() else None,
    )
