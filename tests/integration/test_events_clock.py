"""Where time follows the events it may stand still between an erasure and what the user does next."""

import pytest

from support.data import AT
from support.inside import inside

WHO = {"user_id": "smoke", "k": 10}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with inside(tmp_path_factory.mktemp("var"), clock="events") as running:
        yield running


async def shown(here):
    return [item["item_id"] for item in (await here.call("POST", "/v1/recommend", WHO)).json()["items"]]


async def told(here, **event):
    body = {"events": [{"user_id": "smoke", "kind": "rating", "value": 5, **event}]}
    return (await here.call("POST", "/v1/events", body)).json()


async def test_a_user_who_was_erased_begins_anew_as_often_as_they_like(here):
    for _ in range(3):  # as `recsys demo --smoke` over the same folder does
        before = await shown(here)
        assert await told(here, item_id=before[0]) == {"accepted": 1, "duplicates": 0, "erased": 0}
        after = await shown(here)
        assert before[0] not in after
        assert here.runtime.state.history("smoke").items == [before[0]]
        assert (await here.call("DELETE", "/v1/users/smoke")).json()["events_removed"] == 1
        assert await shown(here) == before


async def test_what_says_that_it_is_older_than_the_erasure_stays_away(here):
    await here.call("DELETE", "/v1/users/smoke")
    assert (await told(here, item_id="i01", timestamp=AT - 5))["erased"] == 1
    assert here.runtime.state.history("smoke").items == []


async def test_the_clock_goes_on_with_what_happens_after_an_erasure(here):
    await here.call("DELETE", "/v1/users/smoke")
    erased = here.runtime.control.erased_at("smoke")
    await told(here, item_id="i01")
    assert here.runtime.clock() > erased
