"""`recsys openapi`: the API's description as a file."""

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the root app."""
    app.command()(openapi)


def openapi(
    out: Annotated[Path | None, typer.Option(help="File to write; printed if left out.")] = None,
) -> None:
    """Write the HTTP API's OpenAPI 3.1 document; the one that is checked in is docs/openapi.json."""
    text = document()
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")


def document() -> str:
    """The document as it is checked in: keys sorted, one line a value."""
    import msgspec

    from serving.api.app import create_app

    found = msgspec.to_builtins(create_app().openapi_schema.to_schema())
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
