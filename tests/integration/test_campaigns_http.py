"""Campaigns over HTTP: two people, one version at a time, previews that count nowhere, switches."""

import pytest

from serving.stores.control import ControlStore
from serving.stores.records import Controls
from serving.stores.state import Event
from support.data import AT
from support.inside import inside

PACK = """
name = "test"
version = "1"
[surfaces.feed]
unlabelled = "allow"
strict = false
[surfaces.home]
unlabelled = "allow"
strict = false
"""
END = "2999-01-01"
PIN = {"id": "home-pin", "surfaces": ["home"], "end": END, "actions": [{"kind": "pin", "item_id": "i39", "slot": 1}]}
LIST = {"surface": "home", "age": 30, "k": 5}


@pytest.fixture
def app(tmp_path):
    (tmp_path / "pack.toml").write_text(PACK)
    with inside(tmp_path, policy=str(tmp_path / "pack.toml")) as found:
        control = ControlStore.open(tmp_path / "control.db")
        found.keys["editor2"] = control.create_key("second editor", "editor", "tests")
        control.close()
        yield found


async def ok(app, method, path, body=None, *, role="editor", status=200, **more):
    answer = await app.call(method, path, body, role=role, **more)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def first(app):
    return (await ok(app, "POST", "/v1/recommend", LIST, role="platform"))["items"][0]


def logged(app):
    """How large each file of the decision log is."""
    return {path.name: path.stat().st_size for path in app.runtime.settings.decisions_folder().iterdir()}


async def submitted(app, document=PIN):
    await ok(app, "POST", "/v1/campaigns", document, status=201)
    checked = await ok(app, "POST", f"/v1/campaigns/{document['id']}/validate", {})
    assert checked["findings"]["mistakes"] == []
    return await ok(app, "POST", f"/v1/campaigns/{document['id']}/submit", {"reason": "premiere"})


async def test_a_pin_on_home_is_on_air_once_a_second_editor_has_approved_it(app):
    pending = await submitted(app)
    assert (pending["state"], pending["four_eyes"]) == ("pending", ["it takes positions on home, push or hot"])
    approve = "/v1/campaigns/home-pin/approve"
    answer = await app.call("POST", approve, {"version": pending["version"]}, role="editor")
    assert (answer.status_code, "another person" in answer.json()["detail"]) == (409, True)
    assert (await first(app)).get("override_id") is None
    live = await ok(app, "POST", approve, {"version": pending["version"]}, role="editor2")
    assert live["state"] == "live"
    assert (await first(app))["override_id"] == "home-pin"
    await ok(app, "POST", "/v1/campaigns/home-pin/pause", {"reason": "wrong picture"})
    assert (await first(app)).get("override_id") is None
    acts = [one["act"] for one in await ok(app, "GET", "/v1/campaigns/home-pin/history")]
    assert acts == ["create", "validate", "submit", "approve", "start", "pause"]


async def test_a_single_pin_on_home_does_not_pass_by_the_second_person(app):
    pin = {"action": "pin", "item_id": "i39", "slot": 1, "surfaces": ["home"], "end": END}
    for where in (["home"], []):
        answer = await app.call("POST", "/v1/overrides", {**pin, "surfaces": where}, role="editor")
        assert (answer.status_code, "/v1/campaigns" in answer.json()["detail"]) == (409, True)
    await ok(app, "POST", "/v1/overrides", {**pin, "surfaces": ["feed"]}, status=201)


async def test_if_match_names_the_version_and_the_second_editor_gets_409(app):
    await ok(app, "POST", "/v1/campaigns", PIN, status=201)
    change = {"campaign": {**PIN, "priority": 3}}
    await ok(app, "PUT", "/v1/campaigns/home-pin", change, headers={"If-Match": '"1"'})
    answer = await app.call("PUT", "/v1/campaigns/home-pin", change, role="editor2", headers={"If-Match": '"1"'})
    assert (answer.status_code, "Changed: priority" in answer.json()["detail"]) == (409, True)
    missing = await app.call("PUT", "/v1/campaigns/home-pin", change, role="editor2")
    assert (missing.status_code, "version" in missing.json()["detail"]) == (400, True)


async def test_an_idempotency_key_makes_a_repetition_harmless(app):
    headers = {"Idempotency-Key": "one"}
    once = await ok(app, "POST", "/v1/campaigns", PIN, status=201, headers=headers)
    assert await ok(app, "POST", "/v1/campaigns", PIN, status=201, headers=headers) == once
    assert (await app.call("POST", "/v1/campaigns", PIN, role="editor")).status_code == 409


async def test_a_campaign_of_an_unknown_work_is_not_validated(app):
    await ok(
        app, "POST", "/v1/campaigns", {**PIN, "actions": [{"kind": "pin", "item_id": "zz", "slot": 1}]}, status=201
    )
    checked = await ok(app, "POST", "/v1/campaigns/home-pin/validate", {})
    assert checked["campaign"]["state"] == "draft"
    assert checked["findings"]["mistakes"] == ["the catalogue has no work 'zz'"]


async def test_a_dry_run_tells_who_loses_to_whom_and_whom_ages_keep_away(app):
    pending = await submitted(app)
    await ok(app, "POST", "/v1/campaigns/home-pin/approve", {"version": pending["version"]}, role="editor2")
    await ok(app, "POST", "/v1/recommend", LIST, role="platform")
    rival = {**PIN, "id": "rival", "priority": 1, "actions": [{"kind": "pin", "item_id": "i04", "slot": 1}]}
    await ok(app, "POST", "/v1/campaigns", rival, status=201)
    app.runtime.decisions.flush()
    found = await ok(app, "GET", "/v1/campaigns/rival/findings")
    assert [(one["override"], one["reason"]) for one in found["beats"]] == [("home-pin", "slot_taken")]
    assert found["loses"] == []
    (blocked,) = [one for one in found["safety"] if one["reason"] == "age"]
    assert (blocked["item_id"], "home, age 12" in blocked["here"]) == ("i04", True)
    assert found["reach"]["lists"] == 1


async def test_a_preview_shows_both_lists_and_what_changes_and_counts_nowhere(app):
    body = {**LIST, "campaign": PIN}
    before, log = app.runtime.control.sequence(), logged(app)
    found = await ok(app, "POST", "/v1/preview", body)
    assert found["list"]["items"][0]["item_id"] == "i39"
    assert found["list"]["items"][0]["why"]["code"] == "editor"
    assert found["without"]["items"][0]["override_id"] is None
    assert found["changes"]["added"] == ["i39"]
    assert len(found["changes"]["displaced"]) == 1
    app.runtime.exposure.exchange()
    app.runtime.decisions.flush()
    assert app.runtime.exposure.totals(["home-pin"]).tolist() == [0]
    assert app.runtime.control.sequence() == before
    assert logged(app) == log


async def test_a_preview_at_an_age_says_what_the_gate_keeps_away(app):
    adults_only = {**PIN, "actions": [{"kind": "pin", "item_id": "i04", "slot": 1}]}
    found = await ok(app, "POST", "/v1/preview", {**LIST, "age": 12, "campaign": adults_only})
    assert found["blocked"] == [{"item_id": "i04", "verdict": "block", "reason": "age"}]
    assert [(one["override_id"], one["reason"]) for one in found["list"]["unserved"]] == [("home-pin", "ineligible")]


async def test_a_preview_of_another_time_sees_what_begins_then(app):
    later = {**PIN, "start": "2900-01-01"}
    for at, item in ((None, False), ("2950-01-01", True)):
        found = await ok(app, "POST", "/v1/preview", {**LIST, "campaign": later, **({"at": at} if at else {})})
        assert (found["list"]["items"][0]["item_id"] == "i39") == item


async def test_a_kill_switch_stops_all_on_the_next_request_and_two_people_release_it(app):
    pending = await submitted(app)
    await ok(app, "POST", "/v1/campaigns/home-pin/approve", {"version": pending["version"]}, role="editor2")
    assert (await first(app))["override_id"] == "home-pin"
    halt = await ok(app, "POST", "/v1/halts", {"scope": "all", "reason": "a mistake"}, role="safety", status=201)
    assert (await first(app)).get("override_id") is None
    await ok(app, "POST", f"/v1/halts/{halt['id']}/release", {"reason": "mended"}, status=202)
    approval = f"/v1/halts/{halt['id']}/release/approval"
    assert (await app.call("POST", approval, role="editor")).status_code == 409
    await ok(app, "POST", approval, role="editor2", status=204)
    assert (await first(app))["override_id"] == "home-pin"


async def test_the_exposure_report_counts_what_was_answered(app):
    pending = await submitted(app)
    await ok(app, "POST", "/v1/campaigns/home-pin/approve", {"version": pending["version"]}, role="editor2")
    for _ in range(3):
        await first(app)
    app.runtime.exposure.exchange()
    (line,) = (await ok(app, "GET", "/v1/exposure"))["campaigns"]
    assert (line["campaign"], line["delivered"], line["by_slot"]) == ("home-pin", 3, {"1": 3})


async def test_a_webhook_to_a_private_or_plain_address_is_refused(app):
    for url in (
        "http://example.org/x",
        "https://user:pw@example.org/",
        "https://example.org:8443/",
        "file:///etc/passwd",
    ):
        assert (await app.call("POST", "/v1/webhooks", {"url": url}, role="admin")).status_code == 400, url
    made = await ok(app, "POST", "/v1/webhooks", {"url": "https://example.org/hook"}, role="admin", status=201)
    assert len(made["secret"]) == 64
    assert [one["secret"] for one in await ok(app, "GET", "/v1/webhooks", role="admin")] == [None]
    await ok(app, "DELETE", f"/v1/webhooks/{made['id']}", role="admin", status=204)


async def test_a_preview_as_somebody_who_opted_out_reads_nothing_of_them(app):
    control, state = app.runtime.control, app.runtime.state
    taste = [Event(f"e{n}", "out", item, timestamp=AT - n) for n, item in enumerate(["i01", "i03", "i05", "i07"])]
    state.append(taste)
    state.put_profiles({"out": {"group": "readers"}})
    control.put_controls("out", Controls(True, frozenset({"i02"}), frozenset()))
    audience = {**PIN, "audience": 'profile.group == "readers"'}
    asked = {**LIST, "k": 8, "user_id": "out", "campaign": audience}
    known = await ok(app, "POST", "/v1/preview", asked)
    assert known["list"]["personalised"]
    assert {"i01", "i03"}.isdisjoint(one["item_id"] for one in known["list"]["items"])

    control.put_controls("out", Controls(False, frozenset({"i02"}), frozenset()))
    found = await ok(app, "POST", "/v1/preview", asked)
    nobody = await ok(app, "POST", "/v1/preview", {**LIST, "k": 9, "campaign": audience})
    items = [one["item_id"] for one in nobody["list"]["items"] if one["item_id"] != "i02"]  # hidden stays hidden
    assert [one["item_id"] for one in found["list"]["items"]] == items[:8]
    assert not found["list"]["personalised"]
    assert found["list"] == found["without"]  # nobody who opted out is in an audience of the profile
    assert {one["source"] for one in found["list"]["items"]} == {"popular"}

    capped = {**PIN, "caps": {"user_day": 1}}
    found = await ok(app, "POST", "/v1/preview", {**asked, "campaign": capped})
    assert [(one["override_id"], one["reason"]) for one in found["list"]["unserved"]] == [
        ("home-pin", "cap_unreadable")
    ]
