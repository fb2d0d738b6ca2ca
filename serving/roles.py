"""Who may call what: one table over every route, BentoML's own included. What it does not name is for admins."""

import re
from dataclasses import dataclass

ROLES = ("platform", "editor", "safety", "metrics", "admin")

PUBLIC = frozenset({("GET", "/livez"), ("GET", "/readyz"), ("GET", "/healthz"), ("GET", "/v1/about")})


@dataclass(frozen=True, slots=True)
class Rule:
    """Methods on a path pattern and the roles that may use them; ``admin`` always may."""

    methods: frozenset[str]
    path: re.Pattern[str]
    roles: frozenset[str]


def _rule(methods: str, path: str, *roles: str) -> Rule:
    return Rule(frozenset(methods.split()), re.compile(path), frozenset({*roles, "admin"}))


RULES = (
    _rule("POST", r"/v1/(recommend|similar)", "platform", "editor", "safety"),
    _rule("POST", r"/v1/events", "platform"),
    _rule("PUT", r"/v1/items", "platform", "safety"),
    _rule("GET PUT", r"/v1/users/[^/]+/controls", "platform"),
    _rule("DELETE", r"/v1/users/[^/]+", "platform"),
    _rule("GET", r"/v1/overrides", "editor", "safety"),
    _rule("POST", r"/v1/overrides", "editor"),
    _rule("DELETE", r"/v1/overrides/[^/]+", "editor", "safety"),  # removing is tightening: safety may do it too
    _rule("GET", r"/v1/takedowns", "safety", "editor"),
    _rule("POST", r"/v1/takedowns(/[^/]+/restore(/approval)?)?", "safety"),
    _rule("GET", r"/v1/takedowns/[^/]+/report", "safety"),
    _rule("GET", r"/v1/decisions/[^/]+", "platform", "editor", "safety"),  # what is personal in it: safety alone
    _rule("POST", r"/v1/labels", "platform", "safety"),  # the route itself bounds what a platform may say
    _rule("GET", r"/v1/items/[^/]+/labels", "safety"),
    _rule("POST", r"/v1/(reports|appeals)", "platform", "safety"),
    _rule("GET", r"/v1/reviews(/[^/]+)?", "safety"),
    _rule("POST", r"/v1/reviews/[^/]+/(claim|decision)", "safety"),
    _rule("GET", r"/v1/statements(/[^/]+)?", "platform", "safety"),
    _rule("GET POST", r"/v1/policies", "safety"),
    _rule("POST", r"/v1/policies/(check|diff|rollback|trial|trial/(promotion|end)|[^/]+/(approval|refusal))", "safety"),
    _rule("GET", r"/v1/policies/(trial|keys)", "safety"),
    _rule("GET", r"/v1/audit", "safety"),
    _rule("GET", r"/metrics", "metrics"),
    _rule("GET", r"/schema(/.*)?|/schema\.json|/docs\.json", "platform", "editor", "safety"),
    _rule("POST", r"/bento/(recommend|similar)", "platform", "editor", "safety"),
)


def is_public(method: str, path: str) -> bool:
    """Whether anybody may call this route without a key."""
    return ("GET" if method == "HEAD" else method, path) in PUBLIC


def allowed(role: str, method: str, path: str) -> bool:
    """Whether a key of ``role`` may call this route."""
    if role == "admin":
        return True
    verb = "GET" if method == "HEAD" else method
    return any(role in rule.roles for rule in RULES if verb in rule.methods and rule.path.fullmatch(path))
