"""Who acts, for the audit."""

from typing import Any

from litestar import Request

from serving.stores.control import Principal


def actor(request: Request[Any, Any, Any]) -> str:
    """The key's id and name: ids are unique, so that two people are two people."""
    principal: Principal | None = request.scope.get("state", {}).get("principal")
    return "anonymous" if principal is None else f"{principal.name} ({principal.id})"


def role(request: Request[Any, Any, Any]) -> str:
    """The role of the key, empty without one."""
    principal: Principal | None = request.scope.get("state", {}).get("principal")
    return "" if principal is None else principal.role
