"""The review queue over HTTP: from a report to a decision with its reasons, and an appeal decided by somebody else."""

import pytest

from support.inside import inside

WHY = {
    "what": "Frame 12 shows hate symbols.",
    "why": "They are not in context.",
    "rule": "Terms 4.2",
    "scope": "Everywhere",
}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with inside(tmp_path_factory.mktemp("var")) as api:
        yield api


def report(api, item, reason="hate", note=""):
    body = {"item_id": item, "reason": reason, "note": note}
    return api.done("POST", "/v1/reports", body, role="platform")["review_id"]


def decision(version=1, *, label="hate", **more):
    return {"version": version, "labels": [{"label": label, **more}], **WHY}


def decided(api, item, *, role="safety", **more):
    """A reported work that an officer has decided; gives the statement."""
    return api.done("POST", f"/v1/reviews/{report(api, item)}/decision", decision(**more), role=role)


def in_queue(api, **query):
    path = "/v1/reviews?limit=1000" + "".join(f"&{name}={value}" for name, value in query.items())
    return {entry["id"]: entry for entry in api.done("GET", path)}


def test_a_report_is_in_the_queue_with_its_reach_severity_and_uncertainty(api):
    review_id = report(api, "i01", "hate", "at minute 3")
    report(api, "i01", "other")
    entry = in_queue(api)[review_id]
    assert (entry["kind"], entry["item_id"], entry["reason"], entry["reports"]) == ("report", "i01", "hate", 2)
    assert (entry["severity"], entry["uncertainty"]) == (5.204, 1.0)  # 4 × (1 + log10 2); nothing is labelled
    assert entry["priority"] == pytest.approx(entry["reach"] * 5.204, rel=1e-3)
    assert {note["note"] for note in api.done("GET", f"/v1/reviews/{review_id}")["reports"]} == {"at minute 3", ""}


def test_a_report_of_a_work_that_nobody_knows_is_refused(api):
    body = {"item_id": "nothing", "reason": "hate"}
    assert "no item nothing" in api.refused(404, "POST", "/v1/reports", body, role="platform")


def test_a_note_that_is_too_long_and_an_unknown_reason_are_refused(api):
    for field, bad in (("note", "x" * 2_001), ("reason", "boring")):
        body = {"item_id": "i01", "reason": "hate", field: bad}
        assert field in api.refused(400, "POST", "/v1/reports", body, role="platform")


def test_a_decision_counts_at_once_and_leaves_a_statement_for_the_provider(api):
    statement = decided(api, "i03")
    assert "i03" not in api.ids()
    told = api.done("GET", f"/v1/statements/{statement['id']}", role="platform")
    assert {name: told[name] for name in WHY} == WHY
    assert (told["item_id"], told["labels"], told["decided_by"]) == ("i03", ["hate"], None)
    assert "Another person decides it" in told["appeal"]
    assert statement["decided_by"].startswith("test-safety ")
    assert [s["id"] for s in api.done("GET", "/v1/statements?item_id=i03", role="platform")] == [statement["id"]]
    label = api.done("GET", "/v1/items/i03/labels")["history"][-1]
    assert (label["source"], label["evidence"]) == ("human", f"statement {statement['id']}")


def test_a_statement_without_a_reason_is_refused_and_changes_nothing(api):
    review_id = report(api, "i05")
    body = decision()
    del body["why"]
    assert "why" in api.refused(400, "POST", f"/v1/reviews/{review_id}/decision", body)
    assert "why is empty" in api.refused(400, "POST", f"/v1/reviews/{review_id}/decision", {**body, "why": " "})
    assert (review_id in in_queue(api), api.done("GET", "/v1/items/i05/labels")["history"]) == (True, [])


def test_who_decides_by_an_old_reading_is_told_so(api):
    review_id = report(api, "i07")
    report(api, "i07", note="more")
    sentence = api.refused(409, "POST", f"/v1/reviews/{review_id}/decision", decision(version=1))
    assert sentence.startswith("The case has changed since you read it: its version is 2")


def test_a_claimed_case_is_its_claimers(api):
    review_id = report(api, "i09")
    claimed = api.done("POST", f"/v1/reviews/{review_id}/claim", {"version": 1})
    assert claimed["claimed_by"].startswith("test-safety ")
    sentence = api.refused(409, "POST", f"/v1/reviews/{review_id}/decision", decision(version=2), role="safety2")
    assert "is looking at this case" in sentence
    api.done("POST", f"/v1/reviews/{review_id}/decision", decision(version=2))
    assert "has been decided" in api.refused(409, "POST", f"/v1/reviews/{review_id}/claim", {"version": 3})


def test_an_appeal_is_decided_by_another_person(api):
    statement = decided(api, "i11")
    body = {"statement_id": statement["id"], "reason": "The frame quotes a museum."}
    appeal = api.done("POST", "/v1/appeals", body, role="platform")["review_id"]
    assert in_queue(api)[appeal]["kind"] == "appeal"
    assert api.done("GET", f"/v1/reviews/{appeal}")["reports"][0]["note"] == body["reason"]
    lift = decision(negates=True)
    for path, what in (("decision", lift), ("claim", {"version": 1})):
        assert "another reviewer" in api.refused(409, "POST", f"/v1/reviews/{appeal}/{path}", what)
    assert "i11" not in api.ids()
    second = api.done("POST", f"/v1/reviews/{appeal}/decision", lift, role="safety2")
    assert "i11" in api.ids()
    assert second["labels"] == ["not hate"]
    assert "has been decided" in api.refused(409, "POST", "/v1/appeals", body, role="platform")


def test_an_appeal_against_an_appeals_decision_bars_both_who_decided(api):
    first = decided(api, "i13")
    appeal = api.done("POST", "/v1/appeals", {"statement_id": first["id"], "reason": "no"})["review_id"]
    second = api.done("POST", f"/v1/reviews/{appeal}/decision", decision(), role="safety2")
    third = api.done("POST", "/v1/appeals", {"statement_id": second["id"], "reason": "no"})["review_id"]
    for role in ("safety", "safety2"):
        sentence = api.refused(409, "POST", f"/v1/reviews/{third}/decision", decision(), role=role)
        assert "You have decided this matter before" in sentence
    last = api.done("POST", f"/v1/reviews/{third}/decision", decision(), role="admin")
    assert last["decided_by"].startswith("test-admin ")


def test_a_second_appeal_against_the_same_decision_is_the_same_case(api):
    body = {"statement_id": decided(api, "i15")["id"], "reason": "no"}
    first, second = (api.done("POST", "/v1/appeals", body, role="platform") for _ in range(2))
    assert first == second


def test_works_that_are_held_for_want_of_a_label_wait_in_the_queue_of_their_surface(api):
    held = [entry for entry in in_queue(api, surface="home").values() if entry["kind"] == "hold"]
    assert {entry["reason"] for entry in held} == {"unlabelled"}
    entry = next(entry for entry in held if entry["item_id"] == "i17")
    assert (entry["version"], entry["severity"], entry["uncertainty"]) == (0, 1.0, 1.0)
    assert "i17" not in api.ids(surface="home")
    body = decision(version=0, label="general")
    api.done("POST", f"/v1/reviews/{entry['id']}/decision", body)
    assert "i17" in api.ids(surface="home")
    assert entry["id"] not in in_queue(api, surface="home")


def test_a_failed_scan_waits_in_the_queue_until_a_person_has_looked(api):
    label = {"item_id": "i19", "source": "model", "label": "error", "actor": "scanner"}
    api.done("POST", "/v1/labels", {"labels": [label]}, role="platform")
    entry = next(entry for entry in in_queue(api).values() if entry["item_id"] == "i19")
    assert (entry["kind"], entry["severity"], entry["uncertainty"]) == ("error", 3.0, 1.0)
    api.done("POST", f"/v1/reviews/{entry['id']}/decision", decision(version=0, label="general"))
    assert entry["id"] not in in_queue(api)
    assert "i19" in api.ids()


def test_the_queue_has_the_most_pressing_case_first(api):
    priorities = [entry["priority"] for entry in api.done("GET", "/v1/reviews?surface=home&limit=1000")]
    assert priorities == sorted(priorities, reverse=True)


def test_an_unknown_case_statement_or_appeal_is_404(api):
    hold = "hold_bm90aGluZw"  # of "nothing", which is no item
    assert f"no review {hold}" in api.refused(404, "GET", f"/v1/reviews/{hold}")
    assert "no review rv_1" in api.refused(404, "POST", "/v1/reviews/rv_1/claim", {"version": 0})
    assert "no statement st_1" in api.refused(404, "GET", "/v1/statements/st_1")
    assert "no statement st_1" in api.refused(404, "POST", "/v1/appeals", {"statement_id": "st_1", "reason": "no"})


def test_every_step_is_in_the_audit(api):
    actions = {entry["action"] for entry in api.done("GET", "/v1/audit")}
    assert {"review.report", "review.claim", "review.decide", "review.appeal", "labels.add"} <= actions


def test_what_a_model_alone_holds_waits_for_a_person_whatever_people_have_said_else(api):
    for item, name in (("i21", "general"), ("i23", "hate")):
        label = {"item_id": item, "label": name, "source": "human"}
        api.done("POST", "/v1/labels", {"labels": [label]})
    found = {"label": "ai_unlabelled", "source": "model", "score": 0.9, "actor": "vision"}
    labels = [{**found, "item_id": item} for item in ("i21", "i23")]
    api.done("POST", "/v1/labels", {"labels": labels}, role="platform")
    assert not {"i21", "i23"} & set(api.ids())
    held = {entry["item_id"]: entry for entry in in_queue(api).values() if entry["kind"] == "hold"}
    assert held["i21"]["reason"] == "label:ai_unlabelled"
    assert "i23" not in held  # a person keeps it off as well
    body = decision(version=0, label="ai_unlabelled")
    api.done("POST", f"/v1/reviews/{held['i21']['id']}/decision", body)
    assert held["i21"]["id"] not in in_queue(api)


def test_what_a_model_alone_blocks_waits_for_a_person_too(api):
    label = {"item_id": "i25", "label": "extremism", "source": "model", "actor": "vision"}
    api.done("POST", "/v1/labels", {"labels": [label]}, role="platform")
    assert "i25" not in api.ids()
    (entry,) = [entry for entry in in_queue(api).values() if entry["item_id"] == "i25"]
    assert (entry["kind"], entry["reason"]) == ("hold", "label:extremism")
    api.done("POST", f"/v1/reviews/{entry['id']}/decision", decision(version=0, label="extremism", negates=True))
    assert "i25" in api.ids()
    assert entry["id"] not in in_queue(api)


def test_a_provider_finds_every_statement_on_its_works(api):
    api.done("PUT", "/v1/items", {"items": [{"item_id": "i27", "title": "Tide", "provider": "Studio"}]})
    label = {"item_id": "i27", "label": "illegal", "source": "human", "evidence": "minute 3"}
    api.done("POST", "/v1/labels", {"labels": [label]})
    order = api.done("POST", "/v1/takedowns", {"item_id": "i27", "reason": "Court order"})
    found = api.done("GET", "/v1/statements?provider=Studio", role="platform")
    assert {told["why"] for told in found} == {"minute 3", "Court order"}
    assert {told["provider"] for told in found} == {"Studio"}
    assert f"st_{order['id']}" in {told["id"] for told in found}
    assert api.done("GET", "/v1/statements?provider=Nobody", role="platform") == []
