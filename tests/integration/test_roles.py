"""Roles over the real outer route table: BentoML's own routes included, nothing is open by oversight."""

import re

import httpx
import pytest
from litestar import Litestar
from starlette.routing import Mount, Route

from serving.middleware import Guard
from serving.roles import ROLES, allowed, is_public
from serving.runtime import holder
from serving.service import Recommender
from serving.settings import Settings
from support.http import make_keys, publish

PUBLIC = {("GET", "/livez"), ("GET", "/readyz"), ("GET", "/healthz"), ("GET", "/v1/about")}
LISTS = {"platform", "editor", "safety"}
MAY = {  # who, beside admins, may call what; written by hand, so that a new route is decided here
    ("POST", "/v1/recommend"): LISTS,
    ("POST", "/v1/similar"): LISTS,
    ("POST", "/bento/recommend"): LISTS,
    ("POST", "/bento/similar"): LISTS,
    ("POST", "/v1/events"): {"platform"},
    ("PUT", "/v1/items"): {"platform", "safety"},
    ("GET", "/v1/users/x/controls"): {"platform"},
    ("PUT", "/v1/users/x/controls"): {"platform"},
    ("DELETE", "/v1/users/x"): {"platform"},
    ("GET", "/v1/overrides"): {"editor", "safety"},
    ("POST", "/v1/overrides"): {"editor"},
    ("DELETE", "/v1/overrides/x"): {"editor", "safety"},
    ("GET", "/v1/campaigns"): {"editor", "safety"},
    ("GET", "/v1/campaigns/x"): {"editor", "safety"},
    ("GET", "/v1/campaigns/x/history"): {"editor", "safety"},
    ("GET", "/v1/campaigns/x/findings"): {"editor", "safety"},
    ("POST", "/v1/campaigns"): {"editor"},
    ("PUT", "/v1/campaigns/x"): {"editor"},
    ("POST", "/v1/campaigns/x/validate"): {"editor"},
    ("POST", "/v1/campaigns/x/submit"): {"editor"},
    ("POST", "/v1/campaigns/x/resume"): {"editor"},
    ("POST", "/v1/campaigns/x/approve"): {"editor", "safety"},
    ("POST", "/v1/campaigns/x/reject"): {"editor", "safety"},
    ("POST", "/v1/campaigns/x/pause"): {"editor", "safety"},
    ("POST", "/v1/campaigns/x/revoke"): {"editor", "safety"},
    ("POST", "/v1/preview"): {"editor", "safety"},
    ("GET", "/v1/halts"): {"editor", "safety"},
    ("POST", "/v1/halts"): {"editor", "safety"},
    ("POST", "/v1/halts/x/release"): {"editor", "safety"},
    ("POST", "/v1/halts/x/release/approval"): {"editor", "safety"},
    ("GET", "/v1/exposure"): {"editor", "safety"},
    ("GET", "/v1/webhooks"): set(),
    ("POST", "/v1/webhooks"): set(),
    ("DELETE", "/v1/webhooks/x"): set(),
    ("GET", "/v1/takedowns"): {"editor", "safety"},
    ("POST", "/v1/takedowns"): {"safety"},
    ("POST", "/v1/takedowns/x/restore"): {"safety"},
    ("POST", "/v1/takedowns/x/restore/approval"): {"safety"},
    ("GET", "/v1/takedowns/x/report"): {"safety"},
    ("GET", "/v1/decisions/x"): LISTS,
    ("POST", "/v1/labels"): {"platform", "safety"},
    ("GET", "/v1/items/x/labels"): {"safety"},
    ("POST", "/v1/reports"): {"platform", "safety"},
    ("GET", "/v1/reviews"): {"safety"},
    ("GET", "/v1/reviews/x"): {"safety"},
    ("POST", "/v1/reviews/x/claim"): {"safety"},
    ("POST", "/v1/reviews/x/decision"): {"safety"},
    ("GET", "/v1/statements"): {"platform", "safety"},
    ("GET", "/v1/statements/x"): {"platform", "safety"},
    ("POST", "/v1/appeals"): {"platform", "safety"},
    ("GET", "/v1/policies"): {"safety"},
    ("POST", "/v1/policies"): {"safety"},
    ("POST", "/v1/policies/check"): {"safety"},
    ("POST", "/v1/policies/diff"): {"safety"},
    ("POST", "/v1/policies/rollback"): {"safety"},
    ("POST", "/v1/policies/x/approval"): {"safety"},
    ("POST", "/v1/policies/x/refusal"): {"safety"},
    ("GET", "/v1/policies/keys"): {"safety"},
    ("GET", "/v1/policies/trial"): {"safety"},
    ("POST", "/v1/policies/trial"): {"safety"},
    ("POST", "/v1/policies/trial/end"): {"safety"},
    ("POST", "/v1/policies/trial/promotion"): {"safety"},
    ("GET", "/v1/audit"): {"safety"},
    ("GET", "/metrics"): {"metrics"},
    ("GET", "/schema.json"): LISTS,
}


def routes(app):
    """(method, path) of every route, mounted applications included; parameters become x."""
    found = set()
    for route in app.router.routes:
        if isinstance(route, Mount) and isinstance(route.app, Litestar):
            for inner in route.app.routes:
                path = "/".join("x" if part.startswith("{") else part for part in inner.path.split("/"))
                found |= {(method, path) for method in inner.methods if method != "OPTIONS"}
        elif isinstance(route, Route):
            found |= {(method, route.path) for method in route.methods or {"GET"} if method != "HEAD"}
        else:
            found.add(("GET", getattr(route, "path", "/")))
    return found


@pytest.fixture(scope="module")
def app():
    return Recommender.to_asgi()


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    var = tmp_path_factory.mktemp("var")
    publish(var)
    keys = make_keys(var)
    holder.start(Settings(var=var))
    yield keys
    holder.stop()


async def status(app, method, path, token=None):
    return (await answer(app, method, path, token)).status_code


async def answer(app, method, path, token=None):
    headers = {} if token is None else {"X-API-Key": token}
    transport = httpx.ASGITransport(app, client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path, headers=headers)


def test_every_route_of_the_service_has_been_decided(app):
    undecided = routes(app) - PUBLIC - set(MAY)
    assert {path for _, path in undecided if not path.startswith("/schema")} <= {"/", "/docs.json", "/static_content"}


def test_every_decided_route_exists(app):
    assert set(MAY) <= routes(app)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_call_just_what_is_written_down(role):
    for (method, path), roles in MAY.items():
        assert allowed(role, method, path) == (role in roles or role == "admin"), (role, method, path)


def test_public_is_just_what_is_written_down(app):
    assert {route for route in routes(app) if is_public(*route)} == PUBLIC


async def test_no_page_of_the_service_names_another_host_or_runs_anything(app, keys):
    pages = []
    for path in sorted({path for method, path in routes(app) if method == "GET"} | {"/schema/none"}):
        told = await answer(app, "GET", path, keys["admin"])
        if told.headers.get("content-type", "").startswith("text/html"):
            pages.append(path)
            assert not re.search(r"//[\w-]+\.\w|<script|<link|<iframe|@import|url\(", told.text), path
    assert {"/schema", "/schema/none"} <= set(pages)
    assert "/" not in pages


async def test_the_root_is_no_page_and_says_where_the_api_is_described(app, keys):
    told = await answer(app, "GET", "/", keys["admin"])
    assert told.status_code == 404
    assert "/schema" in told.json()["detail"]


async def test_without_a_key_every_other_route_is_401(app, keys):
    for method, path in sorted(routes(app) - PUBLIC):
        assert await status(app, method, path) == 401, (method, path)


async def test_with_a_key_of_another_role_a_route_is_403(app, keys):
    for (method, path), roles in MAY.items():
        for role in set(ROLES) - roles - {"admin"}:
            assert await status(app, method, path, keys[role]) == 403, (role, method, path)


async def test_an_unknown_and_a_revoked_key_are_401(app, keys):
    assert await status(app, "GET", "/v1/takedowns", "rk_safety_" + "0" * 43) == 401
    control = holder.runtime().control
    token = control.create_key("short-lived", "safety", "tests")
    assert await status(app, "GET", "/v1/takedowns", token) == 200
    made = control.authenticate(token)
    control.revoke_key(made.id, "tests")
    assert await status(app, "GET", "/v1/takedowns", token) == 401


def test_the_guard_is_the_outer_middleware_of_every_route(app):
    assert Guard in [middleware.cls for middleware in app.user_middleware]
