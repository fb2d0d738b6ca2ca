"""The route of a path as it may stand in metrics and logs: ids become their names, what is unknown is ``other``."""

import re
from functools import cache

OTHER = "other"
FRAMEWORK = ("/livez", "/readyz", "/healthz", "/bento/recommend", "/bento/similar", "/schema/openapi.json")


def route_of(path: str) -> str:
    """``/v1/users/{user_id}/controls`` for a path that names a user; never a word that a client chose."""
    exact, patterns = _known()
    if path in exact:
        return path
    parts = path.split("/")
    for pattern in patterns.get(len(parts), ()):
        if all(wanted.startswith("{") or wanted == part for wanted, part in zip(pattern, parts, strict=True)):
            return "/".join(pattern)
    return OTHER


def methods_of(path: str) -> list[str]:
    """What the route of a path may be called with, sorted; of a route of the API's own."""
    from serving.api.app import HANDLERS

    route = route_of(path)
    return sorted(
        {m for handler in HANDLERS for p in handler.paths if _named(p) == route for m in handler.http_methods}
    )


@cache
def _known() -> tuple[frozenset[str], dict[int, list[list[str]]]]:
    from serving.api.app import HANDLERS

    routes = sorted({_named(path) for handler in HANDLERS for path in handler.paths})
    patterns: dict[int, list[list[str]]] = {}
    for route in routes:
        if "{" in route:
            parts = route.split("/")
            patterns.setdefault(len(parts), []).append(parts)
    return frozenset(route for route in (*routes, *FRAMEWORK) if "{" not in route), patterns


def _named(path: str) -> str:
    """``/v1/users/{user_id:str}`` without the types of its parameters."""
    return re.sub(r":[a-z]+}", "}", path)
