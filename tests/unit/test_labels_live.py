"""A label reaches the gate on the next request, whoever gave it, and leaves it when it ends."""

import pytest

from recsys.clock import EventClock
from recsys.lake import Lake
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.types import Viewer
from serving.asks import Ask
from serving.building import build
from serving.labels import of_item
from serving.maintenance import Maintenance
from serving.settings import Settings
from serving.stores.jobs import Jobs
from support.data import AT
from support.serve import stand

ADULT = Viewer("feed", age=30)
N = 30  # every work that an adult of no known territory may see is asked for


@pytest.fixture
def here(bundle, tmp_path):
    return stand(tmp_path, bundle, EventClock(AT))


def label(here, label, item="i01", source="human", **more):
    at = more.pop("created", here.control._db.clock())
    event_id = f"l{len(here.control.label_events())}"
    event = LabelEvent(event_id, item, PRESENT, source, label, created=at, **more)
    return here.control.add_labels([event], "sam")


def shown(here, item="i01", viewer=ADULT):
    view = here.engine.live.view()
    (index,) = view.ids.dense([item])
    assert view.gate.mask(viewer)[index] == view.gate.check(viewer, [index]).allowed[0]
    return bool(view.gate.mask(viewer)[index])


def test_a_label_takes_an_item_off_from_the_next_request_on_and_its_negation_brings_it_back(here):
    assert shown(here)
    label(here, "hate", source="model")
    assert not shown(here)
    label(here, "hate", negates=True)
    assert shown(here)


def test_a_failed_scan_is_held_on_every_surface(here):
    label(here, "error", source="model", actor="scanner")
    assert not any(shown(here, viewer=Viewer(surface, age=30)) for surface in ("feed", "search", "detail", "home"))
    label(here, "general", source="model", actor="scanner")
    assert shown(here)


def test_a_cleared_item_reaches_strict_surfaces(here):
    assert not shown(here, viewer=Viewer("home", age=30))
    label(here, "general")
    assert shown(here, viewer=Viewer("home", age=30))


def test_a_label_ends_by_the_clock_without_any_change(here):
    label(here, "error", source="rule", expires=AT + 10)
    assert not shown(here)
    here.engine.live._clock.saw(AT + 10)
    assert shown(here)


def test_a_label_that_had_ended_holds_again_when_the_clock_is_put_back(bundle, tmp_path):
    now = [AT]
    here = stand(tmp_path, bundle, lambda: now[-1])
    label(here, "error", source="rule", expires=AT + 10)
    now.append(AT + 10)
    assert shown(here)
    now.append(AT + 9)
    assert not shown(here)


def test_a_label_comes_back_by_the_clock_when_its_negation_expires(here):
    label(here, "error", source="rule")
    label(here, "error", negates=True, expires=AT + 10)
    assert shown(here)
    here.engine.live._clock.saw(AT + 10)
    assert not shown(here)


def test_a_label_that_came_before_its_item_holds_once_the_item_comes(here):
    label(here, "error", "new", source="rule")
    here.control.upsert_items([{"item_id": "new", "title": "New"}], "p")
    assert not shown(here, "new")


def test_an_upsert_does_not_shed_a_label(here):
    label(here, "hate", source="rule")
    here.control.upsert_items([{"item_id": "i01", "title": "Harmless", "labels": ["general"]}], "p")
    view = here.engine.live.view()
    assert view.gate.labels(view.ids.get("i01")) == ["general", "hate"]


def test_an_upsert_under_a_models_label_is_held_until_the_model_has_judged_it(here):
    label(here, "general", source="model", actor="m")
    assert shown(here)
    here.control.upsert_items([{"item_id": "i01", "title": "Another work"}], "p")
    assert not shown(here)
    label(here, "general", source="model", actor="m", created=AT + 1)
    assert shown(here)


def test_what_others_say_of_an_item_does_not_go_into_its_record(here):
    label(here, "hate", source="model")
    here.control.upsert_items([{"item_id": "i01", "title": "Again"}], "p")
    view = here.engine.live.view()
    assert not view.record(view.ids.get("i01")).get("labels")


def test_a_view_that_followed_along_and_one_that_starts_now_agree(here, bundle):
    here.engine.live.view()
    label(here, "hate", source="model")
    here.control.upsert_items([{"item_id": "i01", "labels": ["war"]}, {"item_id": "new"}], "p")
    here.engine.live.view()
    label(here, "general", "i02")
    label(here, "war", negates=True)
    label(here, "gore", "new", source="regulator")
    followed, fresh = here.engine.live.view(), build(bundle, here.control, here.engine.live._clock, "open")
    assert followed.labels.effective == fresh.labels.effective
    for index in range(len(fresh.ids)):
        assert followed.gate.labels(index) == fresh.gate.labels(index)


def test_an_answer_carries_the_label_at_once(here):
    ask = Ask(viewer=ADULT, k=N)
    here.engine.recommend([ask])
    _ = here.engine.live.view().shown  # encoded once, and again for what a label touches
    label(here, "general")
    view = here.engine.live.view()
    assert b'"labels":["general"]' in view.shown[view.ids.get("i01")]
    assert b'"labels":[]' in view.shown[view.ids.get("i03")]


def test_what_holds_for_one_item_names_its_record_as_the_provider(here):
    here.control.upsert_items([{"item_id": "i01", "labels": ["war"]}], "p")
    label(here, "gore", source="regulator", territory="DE")
    found = of_item(here.engine.live.view(), here.control, "i01", AT)
    assert [(e.label, e.territory, e.source) for e in found] == [("gore", "DE", "regulator"), ("war", None, "provider")]


def test_a_record_with_garbage_for_a_label_stays_held_whatever_else_is_said(here):
    here.control.upsert_items([{"item_id": "i01", "labels": ["war|gore"]}], "p")
    label(here, "general")
    assert not shown(here)


def test_maintenance_brings_labels_into_the_lake(here, tmp_path):
    label(here, "war", evidence="reel 2")
    lake = Lake(tmp_path / "lake")
    settings = Settings(var=tmp_path, lake=lake.root)
    Maintenance(settings, here.control, here.state, Jobs(settings.jobs_location())).step()
    assert lake.read("labels")["evidence"].to_pylist() == ["reel 2"]
