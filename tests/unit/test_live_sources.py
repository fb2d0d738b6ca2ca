"""Lists follow the events as they arrive, on every worker, and fall back to older counts where they cannot."""

import time

import numpy as np
import pytest

from recsys.clock import fixed_clock
from recsys.errors import StoreError
from recsys.prepare.spec import EventRule
from recsys.types import Viewer
from serving.asks import Ask
from serving.current import Live
from serving.engine import Engine
from serving.live import Follower
from serving.live.follower import AFTER_FAILURE
from serving.receipts.records import record
from serving.stores.state import Event
from support.data import AT
from support.serve import make_bundle, stand

SESSION = {"recipe": "session", "weights": [1.0] * 14}
TRENDING = {"recipe": "trending", "half_life_days": 0.01, "by_media_type": {}, "shrinkage": 10.0}
POPULAR = {"recipe": "popular", "half_life_days": 30.0}
BLEND = {"recipe": "blend", "parts": [TRENDING, POPULAR], "weights": [0.9, 0.1]}
NOW = AT + 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("bundle") / "b", recipes=[SESSION, TRENDING, POPULAR])


def worker(here, bundle, state=None, every=0.0):
    tail = here.state if state is None else state
    live = Live(bundle, here.control, fixed_clock(NOW), policy="open")
    return Engine(live, here.control, here.state, fixed_clock(NOW), follower=Follower(tail, every))


def answer(engine, **ask):
    return engine.recommend([Ask(Viewer("feed", age=30), 5, **ask)])[0]


def shown(engine, **ask):
    found = answer(engine, **ask)
    return found.view.ids.external(found.slate.items)


def clicks(state, item, people, at=NOW - 1, **more):
    state.append([Event(f"{item}-{who}-{at}", f"p{who}", item, timestamp=at, **more) for who in range(people)])


def test_without_events_the_lists_are_those_of_the_bundle(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    following = answer(worker(here, bundle))
    assert following.slate.items.tolist() == answer(here.engine).slate.items.tolist()
    assert following.slate.scores.tobytes() == answer(here.engine).slate.scores.tobytes()
    assert following.counts is None


def test_what_is_clicked_now_comes_first_in_the_next_list(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    engine = worker(here, bundle)
    before = shown(engine)
    calm = next(item for item in bundle.catalogue.ids.ids if item not in before)
    clicks(here.state, calm, 30)
    assert shown(engine)[0] == calm
    assert shown(here.engine) == before


@pytest.mark.parametrize("recipes", [[TRENDING, POPULAR], [BLEND, POPULAR]], ids=["alone", "in a blend"])
def test_trending_follows_wherever_it_stands(recipes, tmp_path):
    bundle = make_bundle(tmp_path / "b", recipes=recipes)
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    engine = worker(here, bundle)
    last = shown(engine)[-1]
    clicks(here.state, last, 200)
    assert shown(engine)[0] == last


def test_two_workers_have_the_same_lists_and_a_new_one_too(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    first, second = worker(here, bundle), worker(here, bundle)
    shown(first)
    clicks(here.state, "i39", 20)
    shown(first)
    clicks(here.state, "i37", 25)
    lists = [answer(engine) for engine in (first, second, worker(here, bundle))]
    assert len({one.slate.scores.tobytes() + one.slate.items.tobytes() for one in lists}) == 1
    assert len({one.counts for one in lists}) == 1


def test_one_user_counts_once_in_a_sitting(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    engine = worker(here, bundle)
    here.state.append([Event(f"bot-{n}", "bot", "i39", timestamp=NOW - 40 + n) for n in range(40)])
    clicks(here.state, "i37", 2)
    assert shown(engine)[0] == "i37"


def test_events_that_the_bundle_was_trained_on_count_once(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    engine = worker(here, bundle)
    before = shown(engine)
    clicks(here.state, "i39", 30, at=AT - 5)
    assert shown(engine) == before


def test_a_work_that_came_after_the_bundle_is_counted(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    engine = worker(here, bundle)
    here.control.upsert_items([{"item_id": "fresh", "title": "Fresh"}], "platform")
    clicks(here.state, "fresh", 30)
    found = answer(engine)
    assert found.view.ids.external(found.slate.items)[0] == "fresh"
    assert found.slate.sources[0] == "session"


def test_what_is_clicked_now_is_not_shown_to_whom_it_is_not_allowed(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    engine = worker(here, bundle)
    clicks(here.state, "i36", 30)  # for adults
    child = engine.recommend([Ask(Viewer("feed", age=10), 40)])[0]
    assert "i36" not in child.view.ids.external(child.slate.items)
    assert shown(engine)[0] == "i36"


def test_a_store_that_does_not_answer_leaves_the_last_counts(bundle, tmp_path, monkeypatch):
    here = stand(tmp_path, bundle, fixed_clock(NOW))

    class Failing:
        fails = False

        def recent(self, after, limit):
            if self.fails:
                raise StoreError("The store is away.")
            return here.state.recent(after, limit)

    tail = Failing()
    engine = worker(here, bundle, tail)
    clicks(here.state, "i39", 30)
    assert shown(engine)[0] == "i39"
    tail.fails = True
    clicks(here.state, "i37", 90)
    assert shown(engine)[0] == "i39"
    tail.fails = False
    monkeypatch.setattr(time, "monotonic", lambda real=time.monotonic: real() + AFTER_FAILURE)
    assert shown(engine)[0] == "i37"


def test_two_bundles_are_counted_for_while_one_is_warmed_up(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    other = make_bundle(tmp_path / "other", recipes=[SESSION, POPULAR])
    follower = Follower(here.state, 0.0)
    clicks(here.state, "i39", 30)
    views = [Live(one, here.control, fixed_clock(NOW), policy="open").view() for one in (bundle, other)]
    first, second = (follower.now(view) for view in views)
    assert first.version == second.version
    assert [follower.now(view) for view in views] == [first, second]  # neither was begun anew


def test_between_two_looks_the_counts_stay(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    engine = worker(here, bundle, every=60.0)
    before = shown(engine)
    clicks(here.state, "i39", 30)
    assert shown(engine) == before


def test_a_decision_names_the_newest_event_in_its_counts(bundle, tmp_path):
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    engine = worker(here, bundle)
    assert "live" not in record(answer(engine))
    clicks(here.state, "i39", 3)
    assert record(answer(engine))["live"] == here.state.recent("", 10)[-1].cursor


def test_an_event_kind_that_is_not_liked_does_not_count(tmp_path):
    rules = {"view": EventRule(), "skip": EventRule(positive="false")}
    bundle = make_bundle(tmp_path / "b", recipes=[SESSION, POPULAR], rules=rules)
    here = stand(tmp_path, bundle, fixed_clock(NOW))
    engine = worker(here, bundle)
    before = shown(engine)
    clicks(here.state, "i39", 30, kind="skip")
    assert shown(engine) == before
    assert np.isfinite(answer(engine).slate.scores).all()
