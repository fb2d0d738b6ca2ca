"""What the policy makes of a whole response: notices, parts, signals, caps, and what fills a list."""

import json
from collections import Counter

import msgspec
import pytest

from recsys.safety import load_policy, parse_policy
from recsys.safety.load import PACKS
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.api.schemas import ListResponse
from serving.asks import Ask
from support.serve import make_bundle, records, stand, under

ADULT = Viewer("feed", "DE", 30)
NEW = {"n0": None, "n1": ["general"], "n2": ["sponsored"], "n3": ["teen"]}  # no source knows them
POPULAR = [{"recipe": "popular", "half_life_days": 30.0}]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundle") / "b", recipes=POPULAR)


def described(here, item, **fields):
    here.control.upsert_items([{**records()[int(item[1:])], **fields}], "app")


def body(here, **ask):
    sent = encode_list(here.engine.recommend([Ask(**{"viewer": ADULT, "k": 40, **ask})])[0])
    msgspec.json.decode(sent, type=ListResponse)  # as it is described
    return json.loads(sent)


def items(found):
    return {item["item_id"]: item for item in found["items"]}


def test_an_item_with_a_label_to_be_shown_has_a_notice_and_the_others_have_none(here):
    described(here, "i01", labels=["sponsored"])
    described(here, "i03", labels=["sexual", "general"])
    shown = items(body(here))
    assert shown["i01"]["notice"] == {"verdict": "label", "labels": ["sponsored"]}
    assert shown["i03"]["notice"] == {"verdict": "interstitial", "labels": ["sexual"]}
    assert "notice" not in shown["i05"]


def test_artwork_that_is_withheld_is_not_in_the_response_and_the_item_is(bundle, tmp_path):
    here = stand(tmp_path, bundle, policy="news")
    described(here, "i01", labels=["general", "graphic_picture"], artwork="https://example.org/1.jpg")
    described(here, "i02", labels=["general", "victim_named"], artwork="https://example.org/2.jpg")
    shown = items(body(here))
    assert shown["i01"]["withheld"] == ["artwork"]
    assert "artwork" not in shown["i01"]
    assert shown["i01"]["title"] == "Blue 1"
    assert shown["i02"]["withheld"] == ["title"]
    assert "title" not in shown["i02"]
    assert shown["i02"]["artwork"] == "https://example.org/2.jpg"


def test_only_minors_get_signals(here):
    view = under(here.engine.live.view(), load_policy("strict"), ["general"])
    answers = here.engine.recommend_on(view, [Ask(Viewer("feed", "FR", age), 3) for age in (10, 30, None)])
    assert [json.loads(encode_list(answer)).get("signals") for answer in answers] == [
        {"curfew": False, "break": 1800},
        None,
        None,
    ]


def test_no_more_of_one_topic_than_the_policy_allows_and_the_list_is_filled_with_others(here):
    text = (PACKS / "open.toml").read_text(encoding="utf-8")
    policy = parse_policy(text.replace("[surfaces.feed]", "[surfaces.feed]\nmax_per_topic = 3"))
    view = under(here.engine.live.view(), policy)
    answer = here.engine.recommend_on(view, [Ask(ADULT, 6, session=("i01", "i03"))])[0]
    assert Counter(view.record(int(item))["genres"][0] for item in answer.slate.items) == {"red": 3, "blue": 3}


def test_where_sources_run_out_the_cleared_pool_fills_the_list_first(here):
    here.control.upsert_items([{"item_id": name, "labels": labels} for name, labels in NEW.items()], "app")
    answer = here.engine.recommend([Ask(ADULT, 44)])[0]
    names, sources = answer.view.ids.external(answer.slate.items), answer.slate.sources
    assert [name for name, source in zip(names, sources, strict=True) if source == "backfill"] == [
        "n1",
        "n3",
        "n0",
        "n2",
    ]


NEW = {"n0": None, "n1": ["general"], "n2": ["sponsored"], "n3": ["teen"]}


def test_a_reserve_is_worked_out_once_for_viewers_who_see_the_same(here):
    view = here.engine.live.view()
    first = view.reserve(ADULT)
    assert view.reserve(Viewer("feed", "DE", 31)) is first
    assert len(view.reserve(Viewer("feed", "DE", 12))) == 30  # every fourth work is for adults


def test_a_pack_that_nobody_confirms_degrades_the_list(here):
    view = here.engine.live.view()
    stale = under(view, load_policy("open"), ["general"])
    object.__setattr__(stale.gate, "confirmed", lambda: 0.0)
    home, feed = here.engine.recommend_on(stale, [Ask(Viewer(surface, "DE", 30), 5) for surface in ("home", "feed")])
    assert home.degraded == ("policy_stale", "no_cleared_items")
    assert feed.degraded == ("policy_stale",)
    assert len(feed.slate) == 5


def test_a_bundle_that_is_swapped_in_obeys_what_was_ordered_while_it_warmed_up(here, bundle):
    def warm(view):
        here.control.take_down("i02", reason="court order", actor="officer")
        here.engine.live.view()  # a request meanwhile obeys already

    here.engine.live.swap(bundle, warm)
    view = here.engine.live.current  # what a request takes that has looked for changes just before the swap
    found = view.gate.check(ADULT, view.ids.dense(["i02", "i03"]))
    assert found.allowed.tolist() == [False, True]
