"""Bodies are decoded straight into their shape, in one pass and strictly: ``"10"`` is no number and ``1`` no truth.

The framework's own way reads a body twice, first into dicts and then into the shape, and takes ``"10"`` for 10.
"""

import re
from functools import cache
from typing import Any

import msgspec
from litestar import Request

from serving.api.fields import WORDS


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body is what its route takes, or a ``msgspec.ValidationError``."""

    async def json(self) -> Any:
        """The body as the type of the route's ``data``; as plain values where a route takes none."""
        shape = self.route_handler.parsed_data_field
        return _decoder(Any if shape is None else shape.annotation).decode(await self.body())


_NAMED = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
_SAID = {f"Expected `str` matching regex {pattern!r}": words for pattern, words in WORDS.items()}


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def where(error: msgspec.ValidationError) -> tuple[str | None, str]:
    """The field of a validation error and what is wrong with it: ``$.events[0].k`` is ``events[0].k``."""
    text, _, path = str(error).partition(" - at `")
    field = path.removesuffix("`").removeprefix("key in ").removeprefix("$").removeprefix(".")
    if named := _NAMED.fullmatch(text):
        field = f"{field}.{named[2]}" if field else named[2]
        text = "this field is required" if named[1] == "missing required" else "there is no such field here"
    return (field or None), f"{_SAID.get(text, text)}."
