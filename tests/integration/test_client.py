"""The client against the API itself: typed answers, clear errors, retries only where they cannot do harm."""

import random
import subprocess
import sys

import httpx
import pytest

from serving.client import (
    AsyncClient,
    Client,
    ControlsBody,
    EventIn,
    Forbidden,
    Invalid,
    ItemIn,
    NotFound,
    OverrideRequest,
    RateLimited,
    RecommendRequest,
    Retries,
    SimilarRequest,
    TakedownRequest,
    Unavailable,
)
from support.inside import inside


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with inside(tmp_path_factory.mktemp("var"), rates={}) as running:
        yield running


@pytest.fixture
def client(here):
    def of(role):
        http = httpx.AsyncClient(transport=httpx.ASGITransport(here.app), base_url="http://test")
        return AsyncClient("http://test", here.keys[role], http=http)

    return of


class Scripted:
    """A service that answers as told, and a clock that is not waited for."""

    def __init__(self, *answers):
        self.answers, self.asked, self.slept = list(answers), [], []

    def __call__(self, request):
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **more):
        http = httpx.Client(transport=httpx.MockTransport(self), base_url="http://test")
        retries = Retries(random=random.Random(0), **more)
        return Client("http://test", "k", http=http, retries=retries, sleep=self.slept.append)


def refusal(status, detail="no", **headers):
    return httpx.Response(status, json={"detail": detail, "status": status, "request_id": "r-1"}, headers=headers)


CONTROLS = {"personalised": True, "hidden": [], "not_interested": []}


async def test_a_platform_recommends_reports_describes_and_erases(client):
    async with client("platform") as platform:
        found = await platform.recommend(RecommendRequest(user_id="u01", k=3, age=30))
        assert [item.rank for item in found.items] == [1, 2, 3]
        assert len((await platform.similar(SimilarRequest(item_id="i05", k=2))).items) == 2
        seen = [EventIn(user_id="new", item_id=found.items[0].item_id)]
        assert (await platform.events(seen)).accepted == 1
        assert (await platform.items([ItemIn(item_id="fresh", title="Blue again")])).upserted == 1
        chosen = ControlsBody(personalised=False, hidden=("i01",))
        assert await platform.choose("a b", chosen) == chosen
        assert await platform.controls("a b") == chosen
        assert (await platform.erase("new")).events_removed == 1


async def test_an_editor_sets_lists_and_revokes(client):
    async with client("editor") as editor:
        made = await editor.override(OverrideRequest(action="exclude", item_id="i03", end="2999-01-01"))
        assert made.id in {one.id for one in await editor.overrides()}
        assert await editor.revoke(made.id) is None
        with pytest.raises(NotFound):
            await editor.revoke(made.id)


async def test_two_officers_take_down_and_bring_back(client):
    async with client("safety") as one, client("safety2") as two:
        order = await one.take_down(TakedownRequest("i07", "court order"))
        assert order.id in {found.id for found in await one.takedowns()}
        await one.request_restore(order.id, "lifted")
        with pytest.raises(Invalid, match="second person"):
            await one.approve_restore(order.id)
        assert await two.approve_restore(order.id) is None


async def test_a_refusal_says_what_is_wrong_and_where(client):
    async with client("platform") as platform:
        with pytest.raises(Invalid) as caught:
            await platform.recommend(RecommendRequest(k=0))
        assert (caught.value.status, caught.value.field) == (400, "k")
        assert caught.value.request_id
        with pytest.raises(Forbidden):
            await platform.overrides()


def test_a_call_that_may_be_repeated_is_tried_again_after_longer_and_longer_waits():
    service = Scripted(refusal(503), httpx.ConnectError("gone"), httpx.Response(200, json=CONTROLS))
    assert service.client().controls("u") == ControlsBody()
    assert len(service.asked) == 3
    assert 0 < service.slept[0] <= 0.1
    assert 0 < service.slept[1] <= 0.2


def test_it_gives_up_after_its_attempts():
    service = Scripted(*[refusal(503)] * 3)
    with pytest.raises(Unavailable, match="503: no"):
        service.client(attempts=3).controls("u")


def test_an_override_is_never_sent_twice_because_of_a_lost_answer():
    service = Scripted(httpx.ReadTimeout("late"), refusal(500))
    with pytest.raises(Unavailable):
        service.client().override(OverrideRequest(action="pin", item_id="i", end="2999-01-01"))
    assert len(service.asked) == 1


def test_events_that_are_sent_again_are_the_same_events():
    service = Scripted(refusal(503), httpx.Response(202, json={"accepted": 1, "duplicates": 0, "erased": 0}))
    service.client().events([EventIn(user_id="u", item_id="i")])
    first, second = (request.content for request in service.asked)
    assert first == second
    assert b'"event_id":"' in first


def test_the_service_says_how_long_to_wait():
    service = Scripted(refusal(429, **{"retry-after": "2"}), httpx.Response(200, json=CONTROLS))
    service.client().controls("u")
    assert service.slept == [2.0]


def test_a_wait_that_is_too_long_is_left_to_the_caller():
    service = Scripted(refusal(429, **{"retry-after": "60"}))
    with pytest.raises(RateLimited) as caught:
        service.client().controls("u")
    assert caught.value.retry_after == 60.0


def test_a_page_of_a_proxy_is_no_riddle():
    service = Scripted(httpx.Response(502, text="<html>Bad gateway</html>"))
    with pytest.raises(Unavailable, match="502: Bad Gateway"):
        service.client(attempts=1).controls("u")


def test_an_id_stays_within_its_part_of_the_path():
    service = Scripted(httpx.Response(200, json=CONTROLS))
    service.client().controls("../admin?x")
    assert service.asked[0].url.raw_path == b"/v1/users/..%2Fadmin%3Fx/controls"


def test_the_client_brings_in_nothing_of_the_server():
    servers = {"bentoml", "litestar", "sqlalchemy", "numpy", "torch"}
    code = f"import sys, serving.client; print(sorted({servers} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
