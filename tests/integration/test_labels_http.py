"""Labels over HTTP: who may say what, and what of it counts on the next request."""

import pytest

from support.inside import inside


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with inside(tmp_path_factory.mktemp("var")) as api:
        yield api


def label(api, item, name, *, role="safety", source="human", **more):
    return api.done(
        "POST", "/v1/labels", {"labels": [{"item_id": item, "source": source, "label": name, **more}]}, role=role
    )


def test_a_label_counts_on_the_next_request_and_so_does_its_negation(api):
    assert "i01" in api.ids()
    assert label(api, "i01", "hate")["accepted"] == 1
    assert "i01" not in api.ids()
    label(api, "i01", "hate", negates=True)
    assert "i01" in api.ids()


def test_what_is_limited_is_found_in_search_and_recommended_beside_no_work(api):
    label(api, "i33", "spam")
    body = {"item_id": "i11", "age": 30, "k": 40}
    shown = {}
    for surface in ("search", "detail"):
        found = api.done("POST", "/v1/similar", {**body, "surface": surface}, role="platform")["items"]
        shown[surface] = "i33" in [item["item_id"] for item in found]
    assert shown == {"search": True, "detail": False}


def test_history_and_what_holds_are_told_with_all_provenance(api):
    said = {"score": 0.9, "evidence": "frame 12", "policy_version": "v3", "actor": "vision-2", "territory": "DE"}
    label(api, "i03", "Nudity", role="platform", source="model", **said)
    label(api, "i03", "nudity", negates=True)
    label(api, "i03", "gore", source="regulator", evidence="order 7")
    found = api.done("GET", "/v1/items/i03/labels")
    assert (found["known_item"], found["item_version"]) == (True, 0)
    assert found["effective"] == [
        {"label": "gore", "score": None, "territory": None, "source": "regulator", "expires": None}
    ]
    model, human, law = found["history"]
    assert model["actor"].startswith("vision-2 of test-platform (key_")
    assert {name: model[name] for name in said} == {**said, "actor": model["actor"]}
    assert (model["label"], model["source"]) == ("nudity", "model")
    assert (human["negates"], human["actor"].split()[0]) == (True, "test-safety")
    assert law["evidence"] == "order 7"


def test_an_event_with_an_id_counts_once(api):
    first = label(api, "i05", "war", id="once")
    again = label(api, "i05", "war", id="once")
    assert (first["accepted"], again["accepted"], again["duplicates"], again["ids"]) == (1, 0, 1, ["once"])
    body = {"labels": [{"item_id": "i05", "source": "human", "label": "gore", "id": "once"}]}
    assert "once is there already" in api.refused(400, "POST", "/v1/labels", body)


@pytest.mark.parametrize("source", ["human", "rule", "regulator", "rights_holder"])
def test_a_platform_speaks_for_the_provider_and_its_models_only(api, source):
    body = {"labels": [{"item_id": "i07", "source": source, "label": "general"}]}
    assert "platform key" in api.refused(403, "POST", "/v1/labels", body, role="platform")


def test_a_platform_takes_no_label_back(api):
    body = {"labels": [{"item_id": "i07", "source": "model", "label": "hate", "negates": True}]}
    assert "role safety" in api.refused(403, "POST", "/v1/labels", body, role="platform")


def test_a_platform_does_not_speak_as_the_scanner_of_somebody_else(api):
    label(api, "i21", "error", source="model", actor="text")
    assert "i21" not in api.ids()
    label(api, "i21", "general", role="platform", source="model", actor="text")
    assert "i21" not in api.ids()
    label(api, "i21", "general", source="model", actor="text")
    assert "i21" in api.ids()


def test_one_bad_label_refuses_the_batch_by_name_and_changes_nothing(api):
    good = {"item_id": "i09", "source": "human", "label": "hate"}
    for bad, field in (({"score": 2}, "score"), ({"label": "a|b"}, "label"), ({"expires": 5}, "labels[1].expires")):
        assert field in api.refused(400, "POST", "/v1/labels", {"labels": [good, {**good, **bad}]})
    assert api.done("GET", "/v1/items/i09/labels")["history"] == []


def test_a_label_of_a_version_that_does_not_exist_is_refused(api):
    body = {"labels": [{"item_id": "i09", "source": "model", "label": "hate", "item_version": 10**6}]}
    assert "whose newest is 0" in api.refused(400, "POST", "/v1/labels", body, role="platform")


def test_an_item_that_nobody_knows_has_no_labels(api):
    found = api.done("GET", "/v1/items/nothing/labels")
    assert (found["known_item"], found["effective"], found["history"]) == (False, [], [])


def test_labels_of_the_record_hold_as_the_providers(api):
    api.done("PUT", "/v1/items", {"items": [{"item_id": "fresh", "labels": ["war"]}]}, role="platform")
    (found,) = api.done("GET", "/v1/items/fresh/labels")["effective"]
    assert (found["label"], found["source"]) == ("war", "provider")
