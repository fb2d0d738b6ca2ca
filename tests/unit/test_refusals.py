"""A refusal says which field is wrong and what to do, in words and not in the framework's."""

import pytest

from support.inside import inside


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with inside(tmp_path_factory.mktemp("var"), rates={}) as api:
        yield api


def event(**fields):
    return {"events": [{"user_id": "u", "item_id": "i01", **fields}]}


@pytest.mark.parametrize(
    ("path", "body", "field", "words"),
    [
        ("/v1/recommend", {"sesion": []}, "sesion", "there is no such field here."),
        ("/v1/events", {"events": [{"user_id": "u"}]}, "events[0].item_id", "this field is required."),
        ("/v1/events", event(itm=1), "events[0].itm", "there is no such field here."),
        ("/v1/events", event(user_id="a/b"), "events[0].user_id", "has no slash"),
        ("/v1/events", event(item_id=" i01"), "events[0].item_id", "an id has no space around it."),
        ("/v1/recommend", {"territory": "cn"}, "territory", "ISO 3166-1 alpha-2 code in upper case"),
        ("/v1/recommend", {"k": 0}, "k", "Expected `int` >= 1."),
    ],
)
async def test_a_field_is_named_with_what_is_wrong_with_it(api, path, body, field, words):
    answer = await api.call("POST", path, body)
    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (400, field)
    assert problem["detail"].startswith(f"{field}: ")
    assert words in problem["detail"]


@pytest.mark.parametrize("path", ["/v1/recommend", "/v1/events"])
async def test_a_body_that_is_not_there_is_asked_for(api, path):
    answer = await api.call("POST", path)
    assert (answer.status_code, answer.json()["detail"]) == (400, "The request has no body; send a JSON object.")


async def test_a_route_that_there_is_not_and_a_method_that_it_has_not(api):
    assert "GET /schema/openapi.json" in (await api.call("GET", "/v1/nothing", role="admin")).json()["detail"]
    answer = await api.call("GET", "/v1/recommend", role="admin")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["detail"] == "GET is not possible here; POST is."
