"""The control store on a PostgreSQL server that comes and goes."""

import time

import pytest

from recsys.clock import system_clock
from serving.building import build
from serving.stores import postgres
from serving.stores.control import ControlStore
from support.policies import text
from support.postgres import POSTGRES, connected, schema
from support.serve import make_bundle
from support.waiting import until


@pytest.fixture
def server():
    with connected() as found:
        yield found


@pytest.fixture
def location():
    with schema() as alone:
        yield f"{POSTGRES}{alone}&application_name={alone.rsplit('%3D', 1)[1]}"


def cut(server, location):
    """Close every connection of the stores at this location, as a restart of the server would."""
    name = location.rsplit("=", 1)[1]
    found = server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (name,)
    ).fetchall()
    assert found


def test_a_store_whose_connections_were_cut_follows_again_and_writes_again(server, location):
    mine, other = ControlStore.open(location), ControlStore.open(location)
    mine.take_down("a", reason="r", actor="sam")
    until(lambda: other.sequence() == 1)
    cut(server, location)
    mine.take_down("b", reason="r", actor="sam")
    until(lambda: other.sequence() == 2)
    assert [t.item_id for t in other.takedowns()] == ["a", "b"]
    mine.close()
    other.close()


def test_a_store_tells_how_long_its_server_has_been_silent(server, location):
    control = ControlStore.open(location)
    until(lambda: control.silent_seconds() < 1)
    control._db.feed.close()  # nobody listens any more
    time.sleep(0.3)
    assert control.silent_seconds() >= 0.3
    control.close()


def test_an_answer_that_was_long_on_its_way_is_as_old_as_its_question(location, monkeypatch):
    monkeypatch.setattr(postgres, "NEWEST", "SELECT 0 FROM pg_sleep(0.5)")
    control = ControlStore.open(location)
    try:
        assert control.silent_seconds() >= 0.5
    finally:
        control.close()


def test_a_policy_goes_stale_when_its_server_has_been_silent_for_too_long(server, location, tmp_path):
    pack = tmp_path / "pack.toml"
    pack.write_text(text().replace("[surfaces]", "confirm_within = 0.5\n[surfaces]"))
    control = ControlStore.open(location)
    recipes = [{"recipe": "popular", "half_life_days": 30.0}]
    gate = build(make_bundle(tmp_path / "bundle", recipes=recipes), control, system_clock, str(pack)).gate
    until(lambda: not gate.stale)
    control._db.feed.close()  # nobody listens any more
    until(lambda: gate.stale)
    control.close()
