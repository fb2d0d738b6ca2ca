"""The API's description of itself, made exact.

Shapes are msgspec's own JSON schemas, because Litestar's lose what they do not know: bounds of list entries, a minimum
of 0, alternatives. Each operation names every refusal it can give, all of one shape.
"""

import typing
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Reference
from msgspec import Meta, Struct

from serving.api.fields import UserId
from serving.api.problems import MEDIA_TYPE, TITLES
from serving.roles import is_public

METHODS = ("get", "post", "put", "delete")
ALWAYS = (408, 413, 414, 431, 503)  # the guard's bounds, and what does not answer
WITH_KEY = (401, 403, 429)
TAKES_ANY_ID = {"lists", "intake"}  # an id that is not known is no mistake there
PARAMETERS: dict[str, Any] = {"user_id": UserId}


class Problem(Struct, frozen=True, omit_defaults=True):
    """A refusal, as RFC 9457 has it."""

    type: str
    title: str
    status: typing.Annotated[int, Meta(ge=400, le=599)]
    detail: typing.Annotated[str, Meta(description="What is wrong, and where it helps what to do.")]
    field: typing.Annotated[str, Meta(description="What is wrong in the request.")] = ""
    request_id: typing.Annotated[str, Meta(description="Finds the request in the logs.")] = ""


def describe(app: Litestar, handlers: Iterable[HTTPRouteHandler]) -> None:
    """Complete the application's OpenAPI document in place, before it is first served."""
    document = app.openapi_schema
    shapes: list[Any] = [Problem]
    for path, item in (document.paths or {}).items():
        for method in METHODS:
            operation: Operation | None = getattr(item, method)
            if operation is not None:
                _complete(operation, method, path)
    for handler in handlers:
        shapes += _shapes(handler)
    template = "#/components/schemas/{name}"
    _, components = msgspec.json.schema_components(shapes, schema_hook=_anything, ref_template=template)
    if document.components is not None and not isinstance(document.components, list):
        document.components.schemas = components  # plain JSON schemas pass through as they are
        document.components.responses = {_name(status): _refusal(status) for status in TITLES}


def _complete(operation: Operation, method: str, path: str) -> None:
    public = is_public(method.upper(), path)
    refusals = {*ALWAYS, *(() if public else WITH_KEY)}
    if operation.request_body is not None or operation.parameters:
        refusals.add(400)
    named = any(getattr(parameter, "param_in", "") == "path" for parameter in operation.parameters or ())
    if named or (operation.request_body is not None and not TAKES_ANY_ID & set(operation.tags or ())):
        refusals |= {404} if method == "get" else {404, 409}
    answers: dict[str, Any] = {code: found for code, found in (operation.responses or {}).items() if int(code) < 400}
    answers |= {str(status): Reference(f"#/components/responses/{_name(status)}") for status in sorted(refusals)}
    operation.responses = answers
    operation.operation_id = _operation_id(method, path)
    if public:
        operation.security = []
    for parameter in operation.parameters or ():
        kind = PARAMETERS.get(getattr(parameter, "name", ""))
        if kind is not None:
            parameter.schema = msgspec.json.schema(kind)  # type: ignore[union-attr]


def _operation_id(method: str, path: str) -> str:
    """``put_users_controls``, ``delete_users_one``: stable, whatever the function is called."""
    parts = [part for part in path.removeprefix("/v1").split("/") if part]
    words = [part for part in parts if not part.startswith("{")]
    return "_".join([method, *words, *(["one"] if parts[-1].startswith("{") else [])])


def _anything(kind: type) -> dict[str, Any]:
    """The schema of a value that the audit keeps as it was."""
    if kind is not object:
        raise NotImplementedError(kind)
    return {"description": "Any JSON value."}


def _name(status: int) -> str:
    return TITLES[status].title().replace(" ", "")


def _refusal(status: int) -> OpenAPIResponse:
    content = {MEDIA_TYPE: OpenAPIMediaType(schema=Reference("#/components/schemas/Problem"))}
    return OpenAPIResponse(description=TITLES[status], content=content)


def _shapes(handler: HTTPRouteHandler) -> list[Any]:
    """The structs that a handler reads and gives, in lists too."""
    hints = typing.get_type_hints(handler.fn)
    given = [
        hints.get("data"),
        hints.get("return"),
        *(spec.data_container for spec in (handler.responses or {}).values()),
    ]
    flat = [inner for hint in given for inner in (hint, *typing.get_args(hint))]
    return [hint for hint in flat if isinstance(hint, type) and issubclass(hint, Struct)]
