"""The shortcut answers as the framework's routes do, and leaves to them whatever is not a plain good request."""

import asyncio
import json

import pytest

from serving.api.app import create_app
from serving.api.shortcut import Shortcut
from serving.runtime import Runtime, holder
from serving.settings import Settings
from support.http import publish


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    var = tmp_path_factory.mktemp("var")
    publish(var)
    before = holder._runtime
    holder._runtime = Runtime.start(Settings(var=var))
    yield holder._runtime
    holder.stop()
    holder._runtime = before


async def call(app, path, body, content_type="application/json"):
    sent = []
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return parts.pop()

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", content_type.encode())] if content_type else []
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "headers": headers}
    await app({**scope, "query_string": b"", "root_path": "", "scheme": "http", "state": {}}, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"])[b"content-type"], sent[1]["body"]


def both(path, body, **more):
    async def calls():
        app = create_app()
        short = Shortcut(app)
        return await call(short, path, body, **more), await call(app, path, body, **more)

    return asyncio.run(calls())


def stripped(answer):
    status, kind, body = answer
    told = json.loads(body)
    del told["decision_id"]
    if "next_page_token" in told:  # it says in which second it was given
        told["next_page_token"] = len(told["next_page_token"])
    return status, kind, told


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/recommend", {"user_id": "u", "k": 5}),
        ("/v1/recommend", {"session": ["i01", "i03"], "explain": True}),
        ("/v1/similar", {"item_id": "i01"}),
    ],
)
def test_a_good_request_is_answered_alike(runtime, path, body):
    short, long = both(path, json.dumps(body).encode())
    assert stripped(short) == stripped(long)
    assert short[0] == 200
    assert json.loads(short[2])["items"]


@pytest.mark.parametrize("body", [b"{", b'{"k": 0}', b'{"nothing": 1}', b"[]", b"\xff", b'{"filter": "(("}'])
def test_a_bad_request_is_refused_in_the_words_of_the_route(runtime, body):
    short, long = both("/v1/recommend", body)
    assert short == long
    assert short[0] == 400


def test_a_body_of_another_type_is_left_to_the_route(runtime):
    short, long = both("/v1/recommend", b"k: 1", content_type="application/x-yaml")
    assert short == long


def test_without_a_model_it_is_503(runtime, monkeypatch):
    monkeypatch.setattr(runtime, "engine", None)
    short, long = both("/v1/recommend", b"{}")
    assert short == long
    assert short[0] == 503
