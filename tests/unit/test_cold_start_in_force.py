"""The exposure budget of new works, as the service runs it: from the policy pack to lists, counts and graduation."""

from collections import Counter
from contextlib import contextmanager

import pytest

from recsys.clock import to_datetime
from recsys.errors import ConfigError, StoreError
from recsys.overrides import Newcomer, Override, is_cold_start
from recsys.overrides.newcomers import COLD_START, DAY_SECONDS, interval
from recsys.prepare.spec import EventRule
from recsys.safety.load import PACKS
from recsys.types import Viewer
from serving.asks import Ask
from serving.newcomers import Newcomers
from serving.receipts.find import find
from serving.receipts.replay import bundle_of, replay
from serving.stores.control import ControlStore
from support.data import AT
from support.http import publish
from support.inside import inside

RULE = """
[cold_start]
impressions = 1000
at_least = 2
rate = 0.3
days = 30
share = 0.2
surfaces = ["feed", "home"]
"""
NEW = {"title": "Red one", "genres": ["red"], "authors": ["somebody"]}


@contextmanager
def started(tmp_path, rule=RULE, **settings):
    file = tmp_path / "own.toml"
    file.write_text((PACKS / "open.toml").read_text(encoding="utf-8") + rule, encoding="utf-8")
    with inside(tmp_path, policy=str(file), **settings) as api:
        yield api


@pytest.fixture
def api(tmp_path):
    with started(tmp_path) as api:
        yield api


def arrives(api, *names):
    """New works, and half an hour later."""
    items = [{**NEW, "item_id": name} for name in names or ("new",)]
    api.done("PUT", "/v1/items", {"items": items}, role="platform")
    turn(api)
    api.runtime.clock.saw(api.runtime.clock() + 1800)


def turn(api):
    """What the worker's thread does every second and every minute."""
    api.runtime.newcomers.exchange()
    api.runtime.newcomers.plan()
    api.runtime.newcomers.exchange()


def asks(api, user="ann", **more):
    """The places of a list that the budget has given."""
    found = api.done("POST", "/v1/recommend", {"user_id": user, "age": 30, "k": 10, **more}, role="platform")
    return [
        (item["item_id"], item["source"], item["reason"]["code"])
        for item in found["items"]
        if is_cold_start(item.get("override_id") or "")
    ]


def likes(api, user="ann", item="new", **more):
    api.done("POST", "/v1/events", {"events": [{"user_id": user, "item_id": item, **more}]}, role="platform")


def works(api):
    found = api.runtime.control.newcomers()
    return {one.work.item_id: (one.stage, one.work.impressions, one.work.positives) for one in found}


def test_a_new_work_is_given_a_place_from_the_next_minute_on(api):
    assert asks(api) == []
    arrives(api)
    assert asks(api) == [("new", "guarantee", "new_arrival")]
    assert asks(api, surface="search") == []
    turn(api)
    assert works(api) == {"new": ("exploring", 1, 0)}


def test_it_graduates_by_the_events_of_those_who_were_shown_it_and_has_no_place_from_then_on(api):
    arrives(api)
    for user in ("ann", "bob"):
        assert asks(api, user)
        likes(api, user)
        likes(api, user)  # counts once
    likes(api, "eve")  # was shown nothing
    turn(api)
    assert works(api) == {"new": ("graduated", 2, 2)}  # at least 0.34
    assert api.runtime.control.cold_start() is None
    assert asks(api, "dan") == []


def test_the_report_tells_where_each_new_work_stands(api):
    arrives(api)
    for user in ("ann", "bob"):
        asks(api, user)
    likes(api)
    turn(api)
    found = api.done("GET", "/v1/exposure", role="editor")
    (line,) = found["new_works"]
    assert (line["item_id"], line["stage"], line["impressions"], line["positives"]) == ("new", "exploring", 2, 1)
    assert (line["low"], line["high"]) == pytest.approx(interval(1, 2))
    assert (line["since"], line["ended_at"]) == (to_datetime(AT).isoformat(), None)
    api.runtime.exposure.exchange()
    (budget,) = api.done("GET", "/v1/exposure", role="editor")["campaigns"]
    assert (budget["campaign"], budget["delivered"]) == ("cold_start.2023-11-14", 2)


def test_it_stops_where_it_is_certainly_not_liked(api):
    arrives(api)
    for n in range(9):
        assert asks(api, f"u{n}")
    turn(api)
    assert works(api) == {"new": ("stopped", 9, 0)}  # at most 0.299
    assert asks(api) == []


def test_lists_of_nobody_and_of_those_who_opted_out_show_it_and_are_not_judged_by(api):
    arrives(api)
    api.done("PUT", "/v1/users/ann/controls", {"personalised": False}, role="platform")
    assert asks(api, None)
    assert asks(api, "ann")
    turn(api)
    assert works(api) == {"new": ("exploring", 0, 0)}


def test_an_event_that_training_does_not_count_as_positive_is_none(tmp_path, monkeypatch):
    with started(tmp_path) as api:
        arrives(api)
        view = api.runtime.view()
        view.__dict__["rules"] = {"rating": EventRule(positive="value >= 4")}
        monkeypatch.setattr(api.runtime.newcomers, "_view", lambda: view)
        assert asks(api)
        assert asks(api, "bob")
        likes(api, kind="rating", value=3)
        likes(api, "bob", kind="rating", value=4)
        api.runtime.newcomers.exchange()
        assert works(api) == {"new": ("exploring", 2, 1)}


def test_below_whatever_an_editor_orders(api):
    arrives(api)
    pins = [Override(f"p{n}", "pin", f"i0{n}", slot=n, end=AT + 1e6) for n in range(1, 4)]
    for pin in pins:
        api.runtime.control.put_override(pin, "mei")
    assert asks(api, k=5) == [("new", "guarantee", "new_arrival")]  # 0.2 of 5
    found = api.done("POST", "/v1/recommend", {"user_id": "bob", "age": 30, "k": 3}, role="platform")
    assert [item["override_id"] for item in found["items"]] == ["p1", "p2", "p3"]


@pytest.mark.parametrize(
    "keep", [{"labels": ["illegal"]}, {"min_age": 40}, {"territories": ["FR"]}, {"embargo_until": "2099-01-01"}]
)
def test_never_past_the_gate(api, keep):
    arrives(api)
    assert asks(api, territory="DE")
    api.done("PUT", "/v1/items", {"items": [{**NEW, "item_id": "new", **keep}]}, role="platform")
    assert "new" not in api.ids(territory="DE")


def test_after_a_takedown_it_is_nowhere(api):
    arrives(api)
    api.done("POST", "/v1/takedowns", {"item_id": "new", "reason": "order"})
    assert asks(api) == []


@pytest.mark.parametrize(("scope", "key"), [("all", ""), ("campaign", COLD_START), ("campaign", "today's")])
def test_a_kill_switch_holds_it_back(api, scope, key):
    arrives(api)
    key = api.runtime.control.cold_start().id if key == "today's" else key
    api.done("POST", "/v1/halts", {"scope": scope, "key": key, "reason": "stop"}, role="editor")
    assert asks(api) == []


def test_two_workers_add_up_and_a_like_may_be_heard_before_the_list_that_showed_it(api):
    arrives(api)
    runtime = api.runtime
    other = Newcomers(
        ControlStore.open(runtime.settings.control_location(), runtime.clock),
        runtime.clock,
        runtime.exposure,
        runtime.view,
    )
    other.exchange()
    for user in ("ann", "bob"):
        other.note(runtime.engine.recommend([_ask(user)])[0])  # the worker's own engine has it counted as well
    likes(api)
    runtime.newcomers.exchange()
    other.exchange()
    runtime.newcomers.exchange()
    assert works(api) == {"new": ("exploring", 4, 1)}


def _ask(user):
    return Ask(Viewer("feed", None, 30), 10, user)


def test_counts_survive_a_restart_and_the_erasure_of_who_was_shown(tmp_path):
    with started(tmp_path) as api:
        arrives(api)
        asks(api)
        turn(api)
        api.done("DELETE", "/v1/users/ann", role="platform")
    with started(tmp_path) as api:
        assert works(api) == {"new": ("exploring", 1, 0)}
        api.runtime.newcomers.exchange()
        likes(api)  # nobody knows any more that she was shown it
        turn(api)
        assert works(api) == {"new": ("exploring", 1, 0)}
        assert asks(api, "bob")
        turn(api)
        assert works(api) == {"new": ("exploring", 2, 0)}


def test_what_the_store_did_not_take_is_told_again(api, monkeypatch):
    def refuse(*counted):
        raise StoreError("The control store does not answer.")

    arrives(api)
    asks(api)
    likes(api)
    with monkeypatch.context() as patch:
        patch.setattr(api.runtime.control, "count_newcomers", refuse)
        with pytest.raises(StoreError):
            api.runtime.newcomers.exchange()
    api.runtime.newcomers.exchange()
    assert works(api) == {"new": ("exploring", 1, 1)}


def test_a_work_that_ended_long_ago_is_forgotten_if_it_would_not_come_again(api):
    control, now = api.runtime.control, api.runtime.clock()
    old = [Newcomer("long-gone", now - 200 * DAY_SECONDS), Newcomer("long-new", now - DAY_SECONDS)]
    control.add_newcomers(old)
    control.end_newcomers({"long-gone": "stopped", "long-new": "graduated"}, now)
    api.runtime.clock.saw(now + 91 * DAY_SECONDS)
    control.end_newcomers({}, now - 100 * DAY_SECONDS)
    assert works(api) == {"long-new": ("graduated", 0, 0)}


def test_impressions_of_past_budgets_are_forgotten_and_those_of_campaigns_stay(api):
    hour = int(AT // 3600)
    slots = Counter({("cold_start.2023-11-01", 1, hour - 300): 5, ("cold_startled", 1, hour - 300): 5})
    api.runtime.control.add_exposure(slots, Counter(), Counter())
    arrives(api)
    assert {name for name, _, _ in api.runtime.control.exposure_since(0).slots} == {"cold_startled"}


def test_a_work_of_the_bundle_is_new_from_its_first_day_on(tmp_path):
    first = {"i01": AT - DAY_SECONDS, "i03": AT - 31 * DAY_SECONDS, "i05": AT + DAY_SECONDS}
    with started(tmp_path) as api:
        publish(tmp_path, extra={"available_from": {item: to_datetime(at) for item, at in first.items()}})
        api.runtime.watcher.look()
        turn(api)
        assert works(api) == {"i01": ("exploring", 0, 0)}


def test_only_works_beyond_the_bundle_where_the_pack_says_so(tmp_path):
    with started(tmp_path, RULE + "beyond_bundle = true\n") as api:
        publish(tmp_path, extra={"available_from": {"i01": to_datetime(AT - DAY_SECONDS)}})
        api.runtime.watcher.look()
        arrives(api)
        assert works(api) == {"new": ("exploring", 0, 0)}


def test_a_change_of_a_known_work_makes_it_no_new_one(api):
    arrives(api, "i01")
    assert works(api) == {}


def test_at_most_five_hundred_are_counted_at_once(api):
    arrives(api, *(f"n{n:03}" for n in range(505)))
    turn(api)
    assert len(works(api)) == 500 == len(api.runtime.control.cold_start().items)


def test_the_same_budget_is_written_once(api):
    arrives(api)
    before = api.runtime.control.sequence()
    asks(api)
    turn(api)
    assert api.runtime.control.sequence() == before
    arrives(api, "newer")
    assert [one.kind for one in api.runtime.control.changes(before)] == ["item", "cold_start"]


def test_a_pack_that_says_nothing_of_new_works_ends_the_budget(tmp_path):
    with started(tmp_path) as api:
        arrives(api)
    with started(tmp_path, "") as api:
        turn(api)
        assert api.runtime.control.cold_start() is None
        assert asks(api) == []


def decision(api, user):
    found = api.done("POST", "/v1/recommend", {"user_id": user, "age": 30, "k": 10}, role="platform")
    return found["decision_id"], any(is_cold_start(item.get("override_id") or "") for item in found["items"])


def test_decisions_are_made_again_from_the_budget_in_force_then_whether_it_was_due_or_not(tmp_path):
    with started(tmp_path, RULE + "daily = 1\n") as api:
        arrives(api)
        decisions = [decision(api, "ann"), decision(api, "bob")]
        assert [given for _, given in decisions] == [True, False]
        arrives(api, "newer")
        runtime = api.runtime
        runtime.decisions.flush()
        folder, known = runtime.settings.decisions_folder(), [runtime.view().bundle]
        for name, given in decisions:
            again = replay(find(folder, name), runtime.control, folder, bundle_of(runtime.settings, known))
            assert again.identical, again.why
            assert given == any(is_cold_start((place.override or {}).get("id", "")) for place in again.places)


def test_nobody_else_takes_an_id_of_the_budget(api):
    with pytest.raises(ConfigError, match="budget of new works"):
        api.runtime.control.put_override(Override(f"{COLD_START}.x", "pin", "i01", slot=1, end=AT + 9), "mei")
    document = {"id": f"{COLD_START}.x", "end": "2099-01-01", "actions": [{"kind": "pin", "item_id": "i01", "slot": 1}]}
    assert "budget of new works" in api.refused(400, "POST", "/v1/campaigns", document, role="editor")
