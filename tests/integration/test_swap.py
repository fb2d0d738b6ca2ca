"""A new champion answers the shapes of the newest requests before it is let in; a bad one never is."""

import json

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from recsys.bundle import load_bundle
from recsys.errors import StoreError
from recsys.types import Viewer
from serving.asks import Ask
from serving.champion import Watcher
from serving.rehearsal import KEPT, Rehearsal, Shape
from support.data import AT
from support.http import publish
from support.inside import inside


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with inside(tmp_path_factory.mktemp("var")) as running:
        running.runtime.watcher.stop()  # the tests look and beat themselves; nobody else shall move what they count
        running.runtime.pulse.stop()
        yield running


def moves(outcome):
    return REGISTRY.get_sample_value("recsys_champion_moves_total", {"outcome": outcome}) or 0.0


def test_a_shape_holds_nothing_of_a_user():
    ask = Ask(Viewer("feed", "CN", 30), 7, user_id="alice", session=("secret",), profile={"city": "Rome"})
    assert not {"alice", "secret", "Rome"} & set(map(str, [getattr(Shape.of(ask), n) for n in Shape.__slots__]))


def test_a_request_is_rehearsed_in_its_shape_over_the_items_of_the_new_bundle(here):
    rehearsal, view = Rehearsal(), here.runtime.running().live.view()
    for _ in range(KEPT):
        rehearsal.note(Ask(Viewer("home", "CN", 12), 7, session=("gone", "too"), explain=True))
    asks = rehearsal.asks(view)
    assert len(asks) == KEPT
    assert {(a.viewer.surface, a.viewer.territory, a.viewer.age, a.k, len(a.session), a.explain) for a in asks} == {
        ("home", "CN", 12, 7, 2, True)
    }
    assert all(item in view.ids for ask in asks for item in ask.session)


async def test_what_was_asked_is_what_is_rehearsed(here, monkeypatch):
    await here.call("POST", "/v1/recommend", {"user_id": "u01", "k": 13, "surface": "hot", "age": 30})
    engine = here.runtime.running()
    right, rehearsed = engine.recommend_on, []
    monkeypatch.setattr(engine, "recommend_on", lambda view, asks: rehearsed.extend(asks) or right(view, asks))
    bundle = load_bundle(engine.live.current.bundle.path)
    here.runtime.switch(bundle)
    assert (13, "hot") in {(ask.k, ask.viewer.surface) for ask in rehearsed}
    assert all(ask.user_id is None for ask in rehearsed)


async def test_a_bundle_that_cannot_answer_is_refused_once_and_the_old_one_serves_on(here, monkeypatch):
    var, engine = here.runtime.settings.var, here.runtime.running()
    old, right = engine.live.current.bundle.version, type(engine).recommend_on
    version = publish(var, "broken")

    def failing(self, view, asks):
        if view.bundle.version == version:
            raise ValueError("this bundle cannot answer")
        return right(self, view, asks)

    monkeypatch.setattr(type(engine), "recommend_on", failing)
    watcher, before = Watcher(var, here.runtime.switch), moves("refused")
    with capture_logs() as logs:
        with pytest.raises(ValueError, match="cannot answer"):
            watcher.look()
        assert watcher.look() is False
    assert moves("refused") == before + 1
    assert not [line for line in logs if line["event"] == "champion_switched"]
    assert (await here.call("POST", "/v1/recommend", {"age": 30})).json()["model"] == old


def test_a_store_that_is_away_for_a_moment_does_not_cost_a_champion(here, monkeypatch):
    var, engine = here.runtime.settings.var, here.runtime.running()
    version, before = publish(var, "late"), moves("refused")
    watcher = Watcher(var, here.runtime.switch)

    def away(*given):
        raise StoreError("The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(engine.live, "swap", away)
        with pytest.raises(StoreError):
            watcher.look()
    assert watcher.look() is True
    assert (engine.live.current.bundle.version, moves("refused")) == (version, before)


async def test_every_answer_while_champions_move_is_of_one_bundle(here):
    var, engine = here.runtime.settings.var, here.runtime.running()
    watcher, seen = Watcher(var, here.runtime.switch), set()
    for name in ("first", "second"):
        version = publish(var, name)
        assert watcher.look() is True
        answer = (await here.call("POST", "/v1/recommend", {"age": 30})).json()
        assert answer["model"] == version == engine.live.current.bundle.version
        seen.add(version)
    assert len(seen) == 2


def test_a_takedown_is_obeyed_by_a_worker_that_nobody_asks(here):
    engine, control = here.runtime.running(), here.runtime.control
    before = REGISTRY.get_sample_value("recsys_takedown_seconds_count") or 0.0
    control.take_down("i09", reason="test", actor="tests")
    here.runtime.pulse.beat()
    assert engine.live.current.sequence == control.sequence()
    assert REGISTRY.get_sample_value("recsys_takedown_seconds_count") == before + 1
    assert REGISTRY.get_sample_value("recsys_bundle_loaded") == 1.0
    assert REGISTRY.get_sample_value("recsys_bundle_data_timestamp_seconds") == AT


def test_a_takedown_while_a_bundle_warms_up_is_measured_once(here):
    engine, control = here.runtime.running(), here.runtime.control
    before = REGISTRY.get_sample_value("recsys_takedown_seconds_count")

    def warm(view):
        control.take_down("i08", reason="test", actor="tests")
        engine.live.view()

    engine.live.swap(load_bundle(engine.live.current.bundle.path), warm)
    assert engine.live.current.sequence == control.sequence()
    assert REGISTRY.get_sample_value("recsys_takedown_seconds_count") == before + 1


def test_a_champion_that_points_nowhere_is_counted_as_refused(tmp_path):
    (tmp_path / "champion.json").write_text(json.dumps({"version": "v", "path": "gone", "manifest_sha256": "0"}))
    before = moves("refused")
    with pytest.raises(Exception, match="not the manifest that was promoted"):
        Watcher(tmp_path, lambda bundle: None).look()
    assert moves("refused") == before + 1
