"""Campaigns and quotas in the engine and in the response."""

import json
from dataclasses import replace

from recsys.overrides import (
    Boost,
    Campaign,
    Caps,
    Exclude,
    Exposure,
    Fill,
    OverrideIndex,
    Pin,
    Present,
    Quota,
    QuotaIndex,
    Row,
    Sponsor,
    parse_audience,
)
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.asks import Ask
from serving.engine import Engine
from serving.stores.control import Controls
from support.data import AT

ADULT = Viewer("feed", age=30)
READER = {"group": "readers"}


def campaign(name, *actions, **more):
    return Campaign(name, actions, **{"start": AT - 10, "end": AT + 10, **more})


def view_of(here, *campaigns, quotas=()):
    view = here.engine.live.view()
    return replace(
        view,
        overrides=OverrideIndex.compile(campaigns, view.ids),
        quotas=QuotaIndex.compile(quotas, view.bundle.catalogue.column),
    )


def answer_of(here, view, **ask):
    return here.engine.recommend_on(view, [Ask(**{"viewer": ADULT, **ask})])[0]


def names(answer):
    return answer.view.ids.external(answer.slate.items)


def body(answer):
    return json.loads(encode_list(answer))


def test_an_audience_reads_the_profile_and_the_context_of_the_request(here):
    view = view_of(
        here,
        campaign("p", Pin("i07", 1), audience=parse_audience('profile.group == "readers"')),
        campaign("c", Pin("i09", 2), audience=parse_audience('context.page == "books"')),
    )
    answer = answer_of(here, view, profile=READER, context={"page": "books"})
    assert answer.slate.overrides[:2] == ("p", "c")
    assert answer_of(here, view).slate.overrides == (None,) * 10


def test_after_opting_out_no_audience_of_the_profile_applies(here):
    view = view_of(here, campaign("p", Pin("i07", 1), audience=parse_audience('profile.group == "readers"')))
    here.control.put_controls("u", Controls(personalised=False))
    assert answer_of(here, view, user_id="u", profile=READER).slate.overrides == (None,) * 10


def test_an_exclude_for_an_audience_leaves_the_work_to_others(here):
    view = view_of(here, campaign("x", Exclude("i07"), audience=parse_audience('profile.group == "readers"')))
    readers, others = here.engine.recommend_on(view, [Ask(ADULT, 40, profile=READER), Ask(ADULT, 40)])
    assert "i07" not in names(readers)
    assert "i07" in names(others)


def test_what_was_shown_counts_for_the_caps_of_the_next_request(here, monkeypatch):
    view = view_of(here, campaign("c", Pin("i07", 1), caps=Caps(user_day=1)))
    exposure = Exposure()
    engine = Engine(here.engine.live, here.control, here.state, lambda: AT, exposure=exposure)
    monkeypatch.setattr(engine.live, "view", lambda: view)
    firsts = [names(engine.recommend([Ask(ADULT, user_id=user)])[0])[0] for user in ("a", "a", "b")]
    assert firsts[0] == firsts[2] == "i07" != firsts[1]
    assert exposure.totals(["c"]).tolist() == [2]


def test_a_view_that_is_warmed_up_counts_nothing(here):
    exposure = Exposure()
    engine = Engine(here.engine.live, here.control, here.state, lambda: AT, exposure=exposure)
    engine.recommend_on(view_of(here, campaign("c", Pin("i07", 1))), [Ask(ADULT)])
    assert exposure.totals(["c"]).tolist() == [0]


def test_a_quota_is_met_from_the_cleared_pool_and_not_meeting_it_is_told(here):
    red = Quota("red", "genres", ("red",), 0.5)
    session = ("i01", "i03", "i05")  # blue
    met = answer_of(here, view_of(here, quotas=[red]), session=session)
    assert sum(int(name[1:]) % 2 == 0 for name in names(met)) == 5
    assert met.placed.quotas[0].reason is None
    assert {reason for reason, source in zip(met.reasons, met.slate.sources, strict=True) if source == "quota"} == {
        "prominence"
    }
    rare = Quota("rare", "authors", ("author 0",), 1.0)
    unmet = answer_of(here, view_of(here, quotas=[rare]))
    assert "quota_unmet:rare" in unmet.degraded


def test_a_paid_place_says_so_in_the_response(here):
    paid = Sponsor("A publisher", "Ad", ("surface: feed",))
    view = view_of(here, campaign("ad", Pin("i07", 2), sponsor=paid))
    items = body(answer_of(here, view))["items"]
    assert items[1]["promotion"] == {"label": "Ad", "sponsor": "A publisher", "parameters": ["surface: feed"]}
    assert items[1]["reason"]["code"] == "sponsored"
    assert "promotion" not in items[0]


def test_a_row_is_told_with_its_title_and_place(here):
    view = view_of(here, campaign("r", Row(3, "Restored", ("i07", "i09"), 2)))
    found = body(answer_of(here, view))
    assert found["rows"] == [{"override_id": "r", "title": "Restored", "rank": 3, "size": 2}]
    assert {item["item_id"] for item in found["items"][2:4]} == {"i07", "i09"}
    assert "rows" not in body(answer_of(here, here.engine.live.view()))


def test_another_title_and_picture_stand_in_the_response_and_labels_stay(here):
    view = view_of(here, campaign("t", Pin("i07", 1), Present("i07", 'A "better" title', "https://cdn.example/7.jpg")))
    first = body(answer_of(here, view))["items"][0]
    assert (first["title"], first["artwork"]) == ('A "better" title', "https://cdn.example/7.jpg")
    assert "labels" in first


def test_a_fill_never_shows_what_the_gate_forbids(here):
    view = view_of(here, campaign("f", Fill(1, ("i04", "i08", "i07"), 3)))
    answer = answer_of(here, view, viewer=Viewer("feed", age=12))
    assert names(answer)[0] == "i07"
    assert not {"i04", "i08"} & set(names(answer))


def test_a_slot_of_a_later_page_is_filled_there(here):
    view = view_of(here, campaign("p", Pin("i07", 12), Boost("i09", 1.0)))
    first = answer_of(here, view, user_id="a")
    second = here.engine.recommend_on(view, [Ask(ADULT, user_id="a", page_token=first.next_page)])[0]
    assert "p/1" not in first.slate.overrides
    assert second.slate.overrides[1] == "p/1" or "i07" in names(first)
