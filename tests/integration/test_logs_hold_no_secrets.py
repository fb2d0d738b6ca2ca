"""Whatever is asked and whatever breaks: no key, no user, no history and no free text is in a log or a metric."""

import json
import logging

import pytest
import structlog

from recsys.errors import StoreError
from serving.api.app import HANDLERS
from serving.measures import exposition
from support.inside import inside

MARK = "zq7private"
USER, ITEM, TEXT = f"{MARK}-user", f"{MARK}-item", f"{MARK} words"
EVENT = {"user_id": USER, "item_id": ITEM, "event_id": f"{MARK}-e", "session_id": f"{MARK}-s"}
LIST = {"user_id": USER, "age": 30, "exclude": [ITEM], "device": MARK, "locale": MARK}
CALLS = [
    ("POST", "/v1/recommend", {**LIST, "session": [ITEM], "profile": {MARK: TEXT}, "context": {MARK: TEXT}}),
    ("POST", "/v1/recommend", {**LIST, "surface": MARK}),
    ("POST", "/v1/recommend", {**LIST, MARK: TEXT}),
    ("POST", "/v1/recommend", {**LIST, "k": TEXT}),
    ("POST", "/v1/similar", {**LIST, "item_id": ITEM}),
    ("POST", "/v1/events", {"events": [EVENT]}),
    ("POST", "/v1/events", {"events": [{**EVENT, "timestamp": TEXT}]}),
    ("PUT", "/v1/items", {"items": [{"item_id": ITEM, "title": TEXT, "description": TEXT}]}),
    ("PUT", f"/v1/users/{USER}/controls", {"hidden": [ITEM]}),
    ("GET", f"/v1/users/{USER}/controls", None),
    ("DELETE", f"/v1/users/{USER}", None),
    ("POST", "/v1/takedowns", {"item_id": ITEM, "reason": TEXT}),
    ("POST", "/v1/overrides", {"action": "pin", "item_id": ITEM, "end": TEXT, "reason": TEXT}),
    ("GET", f"/v1/audit?since={TEXT}", None),
    ("GET", f"/{MARK}/{USER}", None),
]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with inside(tmp_path_factory.mktemp("var"), rates={}, log_requests="all") as running:
        yield running


@pytest.fixture
def logged(caplog):
    """All that is logged in a test, by structlog and by the standard library, as text."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.ERROR, "httpx")  # the client of these tests, not the product
    with structlog.testing.capture_logs() as entries:
        yield lambda: json.dumps([str(entry) for entry in entries]) + caplog.text


def everything():
    """Each route with a name of a user for every id, beside the calls that are written out."""
    for handler in HANDLERS:
        for path in handler.paths:
            filled = "/".join(USER if part.startswith("{") else part for part in path.split("/"))
            for method in handler.http_methods:
                yield method, filled, None if method in {"GET", "DELETE"} else {MARK: TEXT}
    yield from CALLS


def clean(here, text):
    return MARK not in text and not [token for token in here.keys.values() if token in text]


async def test_nothing_private_is_logged_by_any_route(here, logged):
    for method, path, body in everything():
        await here.call(method, path, body, role="admin", headers={"x-private": MARK})
    assert "'event': 'request'" in logged()
    assert clean(here, logged())
    assert clean(here, exposition().decode())


async def test_a_wrong_key_is_not_logged(here, logged):
    here.keys["wrong"] = f"rk_admin_{MARK}"
    assert (await here.call("POST", "/v1/recommend", LIST, role="wrong")).status_code == 401
    del here.keys["wrong"]
    assert "'status': 401" in logged()
    assert clean(here, logged())


async def test_nothing_private_is_logged_where_a_store_does_not_answer(here, logged, monkeypatch):
    def gone(*args, **more):
        raise StoreError("The state store does not answer.")

    for name in ("number", "history", "seen", "append", "erase"):
        monkeypatch.setattr(here.runtime.state, name, gone)
    for method, path, body in everything():
        await here.call(method, path, body, role="admin")
    assert "history_unavailable" in logged()
    assert clean(here, logged())


async def test_nothing_private_is_logged_where_the_engine_fails(here, logged, monkeypatch):
    def broken(asks):
        raise IndexError("index 7 is out of bounds")

    monkeypatch.setattr(here.runtime.running(), "recommend", broken)
    assert (await here.call("POST", "/v1/recommend", LIST)).status_code == 200
    assert "recommendation_failed" in logged()
    assert clean(here, logged())


async def test_a_line_of_the_log_names_the_route_the_key_and_the_time(here):
    with structlog.testing.capture_logs() as entries:
        await here.call("GET", f"/v1/users/{USER}/controls")
    (line,) = [entry for entry in entries if entry["event"] == "request"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/v1/users/{user_id}/controls", 200)
    assert line["key"].startswith("key_")
    assert line["ms"] > 0
