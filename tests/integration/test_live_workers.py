"""Workers have the same lists soon after an event of another process, embedded and over Redis."""

import os
import subprocess
import sys
import uuid

import pytest

from recsys.clock import fixed_clock
from recsys.errors import StoreError
from recsys.types import Viewer
from serving.asks import Ask
from serving.current import Live
from serving.engine import Engine
from serving.live import Follower
from serving.stores.control import ControlStore
from serving.stores.state import open_state
from support.data import AT
from support.serve import make_bundle
from support.waiting import until

REDIS = "redis://127.0.0.1:6379/0"
RECIPES = [{"recipe": "session", "weights": [1.0] * 14}, {"recipe": "popular", "half_life_days": 30.0}]
CLICKS = """
import sys
from serving.stores.state import Event, open_state
state, item, at = open_state(sys.argv[1]), sys.argv[2], float(sys.argv[3])
state.append([Event(f"{item}-{n}", f"p{n}", item, timestamp=at) for n in range(40)])
"""


def shown(engine):
    answer = engine.recommend([Ask(Viewer("feed", age=30), 5)])[0]
    return answer.view.ids.external(answer.slate.items)


@pytest.fixture(params=["sqlite", "redis"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield str(tmp_path / "state.db")
        return
    prefix = f"test-{uuid.uuid4().hex}"
    try:
        store = open_state(f"{REDIS}?prefix={prefix}")
    except StoreError:
        if os.environ.get("RECSYS_TEST_NO_SERVERS") == "1":
            pytest.skip("Redis is not tested")
        raise
    yield f"{REDIS}?prefix={prefix}"
    store._redis.delete(*store._redis.scan_iter(match=f"{{{prefix}}}:*"))
    store.close()


def test_every_worker_follows_the_events_of_another_process(url, tmp_path):
    bundle, clock = make_bundle(tmp_path / "b", recipes=RECIPES), fixed_clock(AT + 60)
    control = ControlStore.open(tmp_path / "control.db", clock)
    stores = [open_state(url) for _ in range(2)]
    workers = [
        Engine(Live(bundle, control, clock, policy="open"), control, one, clock, follower=Follower(one))
        for one in stores
    ]
    assert "i39" not in shown(workers[0]) + shown(workers[1])
    command = [sys.executable, "-c", CLICKS, url, "i39", str(AT + 50)]
    subprocess.run(command, check=True)
    until(lambda: all(shown(worker)[0] == "i39" for worker in workers))
    assert shown(workers[0]) == shown(workers[1])
    for one in stores:
        one.close()
