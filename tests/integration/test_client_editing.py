"""A newsroom's system over the client: the same calls, answered to the one and awaited by the other."""

import asyncio
import inspect

import httpx
import pytest

from serving.api.app import HANDLERS
from serving.client import (
    AsyncClient,
    CampaignIn,
    CapsIn,
    Client,
    Conflict,
    Forbidden,
    HaltIn,
    Invalid,
    NotFound,
    PreviewIn,
    RecommendRequest,
    Retries,
    Unavailable,
)
from serving.client.methods import Methods
from serving.routes import route_of
from serving.stores.control import ControlStore
from support.inside import inside

PACK = """
name = "test"
version = "1"
[surfaces.home]
unlabelled = "allow"
strict = false
"""
PIN = CampaignIn(
    id="home-pin",
    surfaces=("home",),
    end="2999-01-01",
    caps=CapsIn(total=1000),
    actions=({"kind": "pin", "item_id": "i39", "slot": 1},),
)


class Inside(httpx.BaseTransport):
    """The application of this process for a client that does not await; keeps what was called."""

    def __init__(self, app, called):
        self._inner, self._called = httpx.ASGITransport(app), called

    def handle_request(self, request):
        self._called.add((request.method, route_of(request.url.path)))

        async def answer():
            found = await self._inner.handle_async_request(request)
            return httpx.Response(found.status_code, headers=found.headers, content=await found.aread())

        return asyncio.run(answer())

    async def handle_async_request(self, request):
        self._called.add((request.method, route_of(request.url.path)))
        return await self._inner.handle_async_request(request)


class Newsroom:
    """Clients of two editors, an officer and a platform, of one kind; ``do`` waits where that is needed."""

    def __init__(self, app, kind):
        self.app, self.kind, self.called = app, kind, set()

    def of(self, role):
        http_of = {Client: httpx.Client, AsyncClient: httpx.AsyncClient}[self.kind]
        http = http_of(transport=Inside(self.app.app, self.called), base_url="http://test")
        return self.kind("http://test", self.app.keys[role], http=http)

    @staticmethod
    def do(answer):
        return asyncio.run(answer) if inspect.isawaitable(answer) else answer


@pytest.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
def newsroom(tmp_path, request):
    (tmp_path / "pack.toml").write_text(PACK)
    with inside(tmp_path, policy=str(tmp_path / "pack.toml")) as app:
        control = ControlStore.open(tmp_path / "control.db")
        app.keys["editor2"] = control.create_key("second editor", "editor", "tests")
        control.close()
        yield Newsroom(app, request.param)


def test_a_campaign_from_its_draft_to_its_end_and_every_route_on_the_way(newsroom):
    do, mei, jonas = newsroom.do, newsroom.of("editor"), newsroom.of("editor2")
    officer, shop = newsroom.of("safety"), newsroom.of("platform")

    def top():
        return do(shop.recommend(RecommendRequest(surface="home", age=30, k=5))).items[0].override_id or None

    assert do(mei.create_campaign(PIN)).state == "draft"
    checked = do(mei.validate_campaign("home-pin"))
    assert (checked.campaign.state, checked.findings["mistakes"]) == ("validated", [])
    assert do(mei.submit_campaign("home-pin")).state == "pending"
    assert do(jonas.reject_campaign("home-pin", reason="the wrong print")).state == "draft"
    do(mei.validate_campaign("home-pin"))
    pending = do(mei.submit_campaign("home-pin", reason="another print"))
    looked = do(jonas.preview(PreviewIn(surface="home", age=30, k=5, campaign_id="home-pin")))
    assert (looked.list.items[0].override_id, looked.changes.added) == ("home-pin", ("i39",))
    with pytest.raises(Conflict, match="another person"):
        do(mei.approve_campaign("home-pin", pending.version))
    assert do(jonas.approve_campaign("home-pin", pending.version)).state == "live"
    assert top() == "home-pin"

    switch = do(officer.halt(HaltIn(scope="campaign", key="home-pin", reason="a complaint")))
    assert (top(), [one.id for one in do(jonas.halts())]) == (None, [switch.id])
    assert do(officer.request_release(switch.id, "unfounded")).release_requested_by
    assert do(jonas.approve_release(switch.id)) is None
    assert top() == "home-pin"

    tighter = CampaignIn(**{**{name: getattr(PIN, name) for name in PIN.__struct_fields__}, "end": "2998-01-01"})
    now = do(mei.campaign("home-pin"))
    assert do(mei.update_campaign(tighter, now.version, reason="sooner")).state == "live"
    with pytest.raises(Conflict, match="Changed: end"):
        do(jonas.update_campaign(tighter, now.version))
    assert do(mei.campaign_findings("home-pin"))["mistakes"] == []

    assert do(mei.pause_campaign("home-pin")).state == "paused"
    assert do(mei.resume_campaign("home-pin")).state == "pending"
    assert do(jonas.revoke_campaign("home-pin", reason="over")).state == "revoked"
    assert [one.state for one in do(mei.campaigns())] == ["revoked"]
    acts = [one.act for one in do(mei.campaign_history("home-pin"))]
    assert acts[-4:] == ["tighten", "pause", "resume", "revoke"]
    newsroom.app.runtime.exposure.exchange()
    (line,) = do(mei.exposure()).campaigns
    assert (line.delivered, line.by_slot, line.status) == (2, {1: 2}, "no promise")
    assert [one.action for one in do(officer.audit()) if one.target == "home-pin"][-1] == "campaign.revoke"

    tagged = {
        (m, route_of(p)) for h in HANDLERS if "campaigns" in (h.tags or ()) for p in h.paths for m in h.http_methods
    }
    assert {one for one in tagged if "webhook" not in one[1] and one[0] != "OPTIONS"} <= newsroom.called


def test_what_cannot_be_is_said_as_what_it_is(newsroom):
    do, mei = newsroom.do, newsroom.of("editor")
    with pytest.raises(Invalid, match="slots count from 1"):
        do(
            mei.create_campaign(
                CampaignIn(id="x", end="2999-01-01", actions=({"kind": "pin", "item_id": "i", "slot": 0},))
            )
        )
    with pytest.raises(NotFound):
        do(mei.campaign("nothing"))
    with pytest.raises(Forbidden):
        do(mei.audit())
    with pytest.raises(Forbidden):
        do(newsroom.of("platform").campaigns())
    do(mei.create_campaign(PIN))
    with pytest.raises(Conflict, match="already"):
        do(mei.create_campaign(PIN))


def test_the_same_key_is_carried_out_once(newsroom):
    do, mei = newsroom.do, newsroom.of("editor")
    assert do(mei.create_campaign(PIN, key="one")) == do(mei.create_campaign(PIN, key="one"))
    assert len(do(mei.campaign_history("home-pin"))) == 1


def test_an_act_that_is_sent_again_has_the_key_that_it_had():
    asked = []

    def late(request):
        asked.append(request.headers["idempotency-key"])
        raise httpx.ReadTimeout("late")

    http = httpx.Client(transport=httpx.MockTransport(late), base_url="http://test")
    client = Client("http://test", "k", http=http, retries=Retries(attempts=3), sleep=lambda seconds: None)
    with pytest.raises(Unavailable):
        client.pause_campaign("c")
    assert len(asked) == 3
    assert len(set(asked)) == 1
    with pytest.raises(Unavailable):
        client.pause_campaign("c")
    assert len(set(asked)) == 2


def test_a_method_says_what_its_call_says():
    assert "ConflictError" not in (Client.approve_campaign.__doc__ or "")
    with httpx.Client() as http:
        method = Client("http://test", "k", http=http).approve_campaign
    assert inspect.signature(method).parameters["version"].annotation is int
    assert method.__doc__ == Methods.approve_campaign.__doc__
    assert "Conflict" in method.__doc__
