"""A takedown on one replica and the lists of two others, in processes of their own on PostgreSQL (S06)."""

import subprocess
import sys
import time

import pytest

from serving.stores.control import ControlStore
from support.postgres import POSTGRES, schema
from support.serve import make_bundle

BOUND_SECONDS = 5.0  # of S06; about 0.1 s is measured

REPLICA = """
import sys, time
from pathlib import Path
from recsys.bundle import load_bundle
from recsys.clock import system_clock
from recsys.types import Viewer
from serving.asks import Ask
from serving.engine import Engine
from serving.stores.control import ControlStore
from serving.stores.state import open_state
from serving.current import Live
bundle, url, state, item = sys.argv[1:]
control = ControlStore.open(url)
bundle = load_bundle(Path(bundle))
engine = Engine(Live(bundle, control, system_clock), control, open_state(Path(state)), system_clock)
asks = [Ask(Viewer(surface, age=30), 40) for surface in ("feed", "search", "detail")]
asks.append(Ask(Viewer("feed", age=30), 40, similar_to="i01", explain=True))
end, last = time.time() + 240, 0.0
while time.time() < end:
    begin = time.time()
    shown = any(item in a.view.ids.external(a.slate.items) for a in engine.recommend(asks))
    if shown and not last:
        print("shown", flush=True)
    last = begin if shown else last
    if last and not shown and time.time() - last > 1.0:
        break
    time.sleep(0.005)
print(last, flush=True)
"""


@pytest.fixture
def location():
    with schema() as found:
        yield found


@pytest.mark.slow
def test_every_replica_stops_showing_a_work_within_the_bound(tmp_path, location):
    bundle, url, item = make_bundle(tmp_path / "b"), POSTGRES + location, "i05"
    control = ControlStore.open(url)
    replicas = [
        subprocess.Popen(
            [sys.executable, "-c", REPLICA, str(bundle.path), url, str(tmp_path / f"{n}.db"), item],
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    ]
    assert [replica.stdout.readline() for replica in replicas] == ["shown\n"] * 2
    control.take_down(item, reason="court", actor="sam")
    ordered = time.time()
    last = [float(replica.stdout.readline()) for replica in replicas]
    for replica in replicas:
        replica.wait(timeout=60)
        replica.stdout.close()
    control.close()
    assert all(0 < at < ordered + BOUND_SECONDS for at in last)
