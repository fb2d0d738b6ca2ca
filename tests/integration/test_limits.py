"""What the guard does not let through, and what a list does when time is short."""

import asyncio
import threading
import time
from dataclasses import replace

import httpx
import pytest

from recsys.types import Viewer
from serving.api import lists
from serving.asks import Ask
from serving.middleware import Guard
from serving.runtime import holder
from support.inside import inside


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with inside(tmp_path_factory.mktemp("var"), rates={"metrics": 0.01}, cors_origins="https://app.example") as running:
        yield running


@pytest.fixture
def settings(here, monkeypatch):
    """Change settings of the running worker for one test."""

    def change(**values):
        changed = holder.settings.model_copy(update=values)
        monkeypatch.setattr(holder, "settings", changed)
        monkeypatch.setattr(here.runtime, "settings", changed)

    return change


def slow(reads, seconds):
    """A state store that takes its time."""

    def waiting(*args):
        time.sleep(seconds)
        return reads(*args)

    return waiting


@pytest.fixture
def hangs():
    """Make of a read one that does not come back before the test is over."""
    over = threading.Event()
    yield lambda reads: lambda *args: over.wait() and reads(*args)
    over.set()


async def test_a_key_beyond_its_rate_is_told_when_to_come_back(here):
    answers = [await here.call("GET", "/metrics", role="metrics") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert 50 < int(answers[1].headers["retry-after"]) <= 100
    assert answers[1].headers["content-type"] == "application/problem+json"


async def test_nothing_holds_up_a_takedown(here):
    here.keys["hasty"] = here.runtime.control.create_key("hasty", "safety", "tests", rate=0.001)
    order = {"item_id": "nothing", "reason": "test"}
    made = [(await here.call("POST", "/v1/takedowns", order, role="hasty")).status_code for _ in range(4)]
    assert made == [201] * 4


async def test_too_many_headers_are_refused(here):
    many = {f"x-{number}": "1" for number in range(101)}
    assert (await here.call("GET", "/v1/about", role=None, headers=many)).status_code == 431


async def test_headers_beyond_their_size_are_refused(here):
    assert (await here.call("GET", "/v1/about", role=None, headers={"x-long": "1" * 33_000})).status_code == 431


async def test_a_target_beyond_its_size_is_refused(here):
    assert (await here.call("GET", "/v1/about?" + "q" * 9_000, role=None)).status_code == 414


async def test_a_body_that_does_not_come_is_not_waited_for(here, settings):
    settings(request_seconds=0.05)
    sent = []

    async def never():
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    headers = [(b"x-api-key", here.keys["platform"].encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/events", "query_string": b"", "headers": headers}
    await Guard(here.app)(scope, never, send)
    assert sent[0]["status"] == 408


async def test_a_browser_of_a_named_origin_may_call_and_no_other(here):
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    allowed = await here.call("OPTIONS", "/v1/recommend", role=None, headers=asked)
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-credentials" not in allowed.headers
    for other in ("https://app.example.evil", "https://evil.example", "null"):
        refused = await here.call("OPTIONS", "/v1/recommend", role=None, headers={**asked, "origin": other})
        assert "access-control-allow-origin" not in refused.headers, other


async def test_without_the_setting_no_origin_may_call(here, settings):
    settings(cors_origins=())
    asked = {"origin": "https://app.example", "access-control-request-method": "POST"}
    answer = await here.call("OPTIONS", "/v1/recommend", role=None, headers=asked)
    assert answer.status_code == 401
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_list_that_is_late_comes_from_the_last_source_and_says_so(here, settings, monkeypatch):
    settings(list_seconds=0.02)
    monkeypatch.setattr(here.runtime.state, "number", slow(here.runtime.state.number, 0.05))
    answer = (await here.call("POST", "/v1/recommend", {"user_id": "u01", "k": 5, "age": 30})).json()
    assert "deadline" in answer["degraded"]
    assert {item["source"] for item in answer["items"]} == {"popular"}
    assert len(answer["items"]) == 5


async def test_a_remote_store_that_hangs_costs_the_user_and_not_the_list(here, settings, monkeypatch, hangs):
    settings(list_seconds=0.05, state_url="redis://127.0.0.1:1/0")
    monkeypatch.setattr(lists, "GRACE", 2.0)  # the list without the user has as long
    monkeypatch.setattr(here.runtime.state, "number", hangs(here.runtime.state.number))
    answer = (await here.call("POST", "/v1/recommend", {"user_id": "u01", "k": 5, "age": 30})).json()
    assert set(answer["degraded"]) == {"controls_unavailable", "deadline"}
    assert (answer["personalised"], len(answer["items"])) == (False, 5)


async def test_any_other_route_beyond_its_time_is_503_and_says_that_it_may_still_happen(
    here, settings, monkeypatch, hangs
):
    settings(request_seconds=0.05)
    monkeypatch.setattr(here.runtime.state, "append", hangs(here.runtime.state.append))
    answer = await here.call("POST", "/v1/events", {"events": [{"user_id": "u", "item_id": "i01"}]})
    assert answer.status_code == 503
    assert "may still be carried out" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "1"


def test_two_lists_of_one_batch_do_not_share_their_deadlines(here):
    engine = here.runtime.running()
    calm = Ask(Viewer("feed", age=30), 5, session=("i01", "i03"))
    answers = engine.recommend([calm, replace(calm, deadline=0.0)])
    assert [answer.degraded for answer in answers] == [(), ("deadline",)]


async def test_every_answer_carries_its_request_id(here):
    answer = await here.call("GET", "/v1/about", role=None, headers={"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    odd = await here.call("GET", "/v1/about", role=None, headers={"x-request-id": "not one\n"})
    assert len(odd.headers["x-request-id"]) == 16


async def test_metrics_are_for_their_role_and_for_loopback(here):
    assert (await here.call("GET", "/metrics", role=None)).status_code == 401
    transport = httpx.ASGITransport(here.app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/metrics")).status_code == 200
