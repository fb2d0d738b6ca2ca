"""Whatever goes wrong in a route becomes one problem document."""

from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException

from recsys.errors import ConfigError, DataError, RecsysError, StoreError
from serving.api.bodies import where
from serving.api.problems import MEDIA_TYPE, problem
from serving.asks import AskError
from serving.routes import methods_of
from serving.stores.records import ConflictError

log = structlog.get_logger()


class Refused(Exception):
    """A request that a route refuses; ``field`` names what is wrong in it."""

    def __init__(self, status: int, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field


def refused(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The problem document of an exception."""
    if isinstance(error, Refused):
        return _document(request, error.status, error.detail, error.field)
    if isinstance(error, AskError):
        return _document(request, 400, str(error), error.field)
    if isinstance(error, HTTPException):
        return _from_litestar(request, error)
    if isinstance(error, msgspec.ValidationError):
        field, text = where(error)
        return _document(request, 400, f"{field}: {text}" if field else text, field)
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError | RecursionError):
        return _document(request, 400, f"The body is no JSON in UTF-8: {error}.")
    if isinstance(error, ConflictError):
        return _document(request, 409, str(error))
    if isinstance(error, ConfigError | DataError):
        return _document(request, 400, str(error))
    if isinstance(error, StoreError):
        log.error("store_unavailable", error=str(error))
        return _document(request, 503, "A store that this needs does not answer now; nothing was changed.")
    log.exception("request_failed", request_id=_request_id(request), error=isinstance(error, RecsysError))
    return _document(request, 500, "Something went wrong here; the request id finds it in the logs.")


def _from_litestar(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    details = error.extra if isinstance(error.extra, list) else []
    first = next((entry for entry in details if isinstance(entry, dict)), None)
    if first is not None and first.get("key") == "data":  # all that the framework says of a body that is not there
        return _document(request, 400, "The request has no body; send a JSON object.")
    if first is not None:
        field = str(first.get("key", "")) or None
        text = str(first.get("message", error.detail))
        return _document(request, error.status_code, f"{field}: {text}" if field else text, field)
    if error.status_code == 405:
        able = ", ".join(methods_of(request.url.path))
        answer = _document(request, 405, f"{request.method} is not possible here; {able} is.")
        answer.headers["Allow"] = able
        return answer
    if error.status_code == 404:
        return _document(request, 404, "There is no such route; GET /schema/openapi.json lists them all.")
    return _document(request, error.status_code, error.detail or "The request cannot be read.")


def _document(request: Request[Any, Any, Any], status: int, detail: str, field: str | None = None) -> Response[bytes]:
    body = problem(status, detail, request_id=_request_id(request), field=field)
    return Response(body, status_code=status, media_type=MEDIA_TYPE)


def _request_id(request: Request[Any, Any, Any]) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))
