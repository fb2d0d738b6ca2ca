"""The route of a path as it may stand in metrics and logs: ids become their names, what is unknown is ``other``."""

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


@cache
def _known() -> tuple[frozenset[str], dict[int, list[list[str]]]]:
    from serving.api.app import HANDLERS

    paths = {path for handler in HANDLERS for path in handler.paths}
    named = [[part.split(":")[0] + "}" if part.startswith("{") else part for part in p.split("/")] for p in paths]
    named = [[part.replace("}}", "}") for part in pattern] for pattern in named]
    patterns: dict[int, list[list[str]]] = {}
    for pattern in sorted(named):
        if any(part.startswith("{") for part in pattern):
            patterns.setdefault(len(pattern), []).append(pattern)
    return frozenset(path for path in (*paths, *FRAMEWORK) if "{" not in path), patterns
