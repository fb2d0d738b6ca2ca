"""Receipts over HTTP and the command line: served, changed, looked up, replayed, erased."""

import json
import os
import subprocess
import sys

import pytest

from support.data import AT
from support.http import make_keys, publish, serving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    var = tmp_path_factory.mktemp("var")
    publish(var)
    keys = make_keys(var)
    with serving(var, keys, workers=2) as served:
        yield served


def run(service, *words):
    """A command over the service's own files."""
    env = {**os.environ, "RECSYS_VAR": str(service.var), "RECSYS_CLOCK": "events"}
    command = [sys.executable, "-m", "training.cli", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, cwd=service.var)


def decided(service, user):
    """A response for a user who has had two works."""
    events = [{"user_id": user, "item_id": item} for item in ("i01", "i03")]
    service.call("POST", "/v1/events", {"events": events})
    body = {"user_id": user, "k": 8, "age": 30, "territory": "DE", "explain": True}
    return service.call("POST", "/v1/recommend", body)


def looked_up(service, decision, role="safety", **more):
    return service.call("GET", f"/v1/decisions/{decision}", role=role, **more)


def test_a_response_is_replayed_byte_for_byte_by_the_command_after_everything_changed(service):
    sent = decided(service, "reader").json()
    pin = {"action": "pin", "item_id": "i39", "slot": 1, "surfaces": ["feed"], "end": AT + 9e6, "reason": "premiere"}
    assert service.call("POST", "/v1/overrides", pin, role="editor").status_code == 201
    gone = sent["items"][2]["item_id"]
    service.call("POST", "/v1/takedowns", {"item_id": gone, "reason": "court"}, role="safety")
    service.call("PUT", "/v1/items", {"items": [{"item_id": sent["items"][0]["item_id"], "title": "Renamed"}]})
    service.call("POST", "/v1/events", {"events": [{"user_id": "reader", "item_id": "i05"}]})
    assert decided(service, "reader").json()["items"] != sent["items"]
    result = run(service, "replay", sent["decision_id"], "--json")
    assert result.returncode == 0, result.stderr
    again = json.loads(result.stdout)
    assert again["identical"] is True
    assert again["response"] == sent


def test_a_platform_sees_what_it_was_sent_and_a_safety_officer_whose_it_was(service):
    sent = decided(service, "private person").json()
    own = looked_up(service, sent["decision_id"], "platform")
    assert own.status_code == 200
    assert [place["item_id"] for place in own.json()["items"]] == [item["item_id"] for item in sent["items"]]
    assert own.json()["asked"] is None
    asked = looked_up(service, sent["decision_id"], "safety").json()["asked"]
    assert set(asked["history"]) == {"i01", "i03"}
    assert len(asked["user"]) == 32
    assert "private" not in looked_up(service, sent["decision_id"], "safety").text


def test_a_safety_officer_may_have_it_replayed_over_http_and_a_platform_may_not(service):
    decision = decided(service, "replayed").json()["decision_id"]
    assert looked_up(service, decision, "platform", params={"replay": "true"}).status_code == 403
    replay = looked_up(service, decision, "safety", params={"replay": "true"}).json()["replay"]
    assert (replay["identical"], replay["why"]) == (True, [])
    assert all(place["verdict"] == "allow" for place in replay["items"])


def test_a_filtered_second_page_is_looked_up_with_its_ranks_and_replayed(service):
    wanted = {"user_id": "pager", "k": 5, "age": 30, "territory": "DE", "filter": "'red' in genres"}
    token = service.call("POST", "/v1/recommend", wanted).json()["next_page_token"]
    sent = service.call("POST", "/v1/recommend", {**wanted, "page_token": token}).json()
    found = looked_up(service, sent["decision_id"], params={"replay": "true"}).json()
    assert (found["filter"], found["series"]) == ("'red' in genres", "next")
    assert [place["rank"] for place in found["items"]] == [6, 7, 8, 9, 10]
    assert (found["replay"]["identical"], found["replay"]["beyond"]) == (True, [])
    printed = run(service, "replay", sent["decision_id"]).stdout
    assert "filter 'red' in genres" in printed
    assert "page behind the first 5 places" in printed


def test_an_unknown_decision_is_404(service):
    assert looked_up(service, "0" * 32).status_code == 404


def test_an_erased_users_decision_stays_without_the_user_and_the_chain_holds(service):
    decision = decided(service, "leaving").json()["decision_id"]
    assert looked_up(service, decision).json()["asked"]["erased"] is False
    service.call("DELETE", "/v1/users/leaving")
    found = looked_up(service, decision, params={"replay": "true"}).json()
    assert found["asked"]["erased"] is True
    assert found["replay"]["identical"] is None
    assert "has been erased" in found["replay"]["why"][0]
    assert run(service, "decisions", "verify").returncode == 0


def test_a_takedown_is_reported_with_its_basis_and_where_the_work_was_shown(service):
    shown = decided(service, "witness").json()["items"][1]["item_id"]
    paper = {"name": "order.pdf", "bytes": 5, "sha256": "a" * 64}
    body = {"item_id": shown, "reason": "court", "legal_basis": "Act 5", "attachments": [paper]}
    made = service.call("POST", "/v1/takedowns", body, role="safety").json()
    report = service.call("GET", f"/v1/takedowns/{made['id']}/report", role="safety").json()
    assert (report["legal_basis"], report["attachments"]) == ("Act 5", [paper])
    assert report["item"]["item_id"] == shown
    assert report["item_from"] == "order"
    assert report["decisions_before"] >= 1
    assert report["seconds_to_last_appearance"] == 0.0


def test_a_tampered_record_is_named_by_the_command(service, tmp_path):
    decision = decided(service, "tampered").json()["decision_id"]
    looked_up(service, decision)
    file = next(path for path in (service.var / "decisions").glob("*.jsonl") if decision in path.read_text())
    whole = file.read_bytes()
    place = whole.index(b'"k":8', whole.index(decision.encode()))
    with file.open("r+b") as raw:  # in place: the worker goes on writing behind it
        raw.seek(place)
        raw.write(b'"k":9')
    result = run(service, "decisions", "verify")
    with file.open("r+b") as raw:
        raw.seek(place)
        raw.write(b'"k":8')
    assert result.returncode == 3
    assert file.name in result.stderr
    assert run(service, "decisions", "verify").returncode == 0
