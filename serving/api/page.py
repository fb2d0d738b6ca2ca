"""The API's description as a page to read: plain HTML that runs nothing and loads nothing."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any

from litestar.connection import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

STYLE = (
    "body{font:15px/1.4 sans-serif;margin:2em auto;max-width:60em;padding:0 1em}code,pre{font-size:13px}"
    "pre{background:#f4f4f4;padding:.6em;overflow:auto}h3{margin-bottom:.2em}dd{margin-left:1.5em}"
)
# What a browser may do for this page, whatever it comes to say: lay it out.
NOTHING = "default-src 'none'; style-src 'unsafe-inline'"
METHODS = ("get", "post", "put", "delete")
Operation = tuple[str, str, Mapping[str, Any]]  # method, path, what is said of it


class Page(OpenAPIRenderPlugin):
    """Renders the OpenAPI document at the root of /schema."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The page, UTF-8."""
        return page(openapi_schema).encode()


def page(document: Mapping[str, Any]) -> str:
    """An OpenAPI document's operations by tag, and its schemas, which the operations link to."""
    info = document["info"]
    found = sorted(_operations(document), key=lambda one: _tag(one[2]))
    parts = (f"<h2>{escape(tag)}</h2>{''.join(map(_operation, own))}" for tag, own in groupby(found, _tag_of))
    schemas = "".join(_schema(name, shape) for name, shape in document["components"]["schemas"].items())
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f'<meta http-equiv=Content-Security-Policy content="{NOTHING}">'
        f"<title>{escape(info['title'])}</title><style>{STYLE}</style><h1>{escape(info['title'])}</h1>"
        f"<p>{escape(info['description'])}</p><p>For programs: <a href=/schema/openapi.json>openapi.json</a></p>"
        f"{''.join(parts)}<h2>Schemas</h2>{schemas}</html>"
    )


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        yield from ((method, path, item[method]) for method in METHODS if method in item)


def _tag(operation: Mapping[str, Any]) -> str:
    return str((operation.get("tags") or ["other"])[0])


def _tag_of(found: Operation) -> str:
    return _tag(found[2])


def _operation(found: Operation) -> str:
    method, path, told = found
    lines = [f"<h3><code>{method.upper()} {escape(path)}</code></h3><p>{escape(told.get('summary', ''))}</p>"]
    if told.get("description"):
        lines.append(f"<p>{escape(told['description'])}</p>")
    lines += [_parameter(one) for one in told.get("parameters", ())]
    if "requestBody" in told:
        lines.append(f"<p>Body: {_content(told['requestBody'])}</p>")
    lines += [
        f"<p>{code}: {_content(answer)}</p>" for code, answer in told["responses"].items() if "$ref" not in answer
    ]
    return "".join(lines)


def _parameter(one: Mapping[str, Any]) -> str:
    needed = "" if one.get("required") else ", optional"
    said = one.get("description") or one["schema"].get("description", "")
    return f"<p><code>{escape(one['name'])}</code> ({one['in']}{needed}) {escape(said)}</p>"


def _content(holder: Mapping[str, Any]) -> str:
    """The schemas of a body or an answer, by media type."""
    kinds = holder.get("content") or {}
    return "; ".join(f"<code>{escape(kind)}</code> {_link(one['schema'])}" for kind, one in kinds.items()) or "empty"


def _link(shape: Mapping[str, Any]) -> str:
    if "$ref" not in shape:
        return f"<code>{escape(json.dumps(shape, ensure_ascii=False))}</code>"
    name = escape(shape["$ref"].rpartition("/")[2])
    return f'<a href="#{name}">{name}</a>'


def _schema(name: str, shape: Mapping[str, Any]) -> str:
    text = escape(json.dumps(shape, indent=1, ensure_ascii=False), quote=False)
    return f'<h3 id="{escape(name)}">{escape(name)}</h3><pre>{text}</pre>'
