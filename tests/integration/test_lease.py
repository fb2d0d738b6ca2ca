"""A replica whose PostgreSQL cannot be reached: within the lease it serves what a person has cleared, or nothing."""

import threading

import pytest

from recsys.clock import fixed_clock
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.types import Viewer
from serving.asks import Ask
from serving.current import Live
from serving.drafts import LEASE_SECONDS
from serving.engine import Engine
from serving.stores.control import ControlStore
from serving.stores.state import open_state
from support.data import AT
from support.postgres import POSTGRES, schema
from support.proxy import Proxy
from support.serve import make_bundle
from support.waiting import PATIENCE_SECONDS, until

FEED, HOME = Viewer("feed", "DE", 30), Viewer("home", "DE", 30)


@pytest.fixture
def location():
    with schema() as found:
        yield found


class Replica:
    """An engine whose control store is reached through a proxy; of three cleared works a person has cleared two."""

    def __init__(self, folder, location):
        self.proxy = Proxy(("127.0.0.1", 5432))
        url = f"postgresql://postgres@127.0.0.1:{self.proxy.port}/test{location}"
        self.control = ControlStore.open(url, fixed_clock(AT))
        cleared = [{"item_id": name, "title": name, "labels": ["general"]} for name in ("i01", "i03", "i05")]
        self.control.upsert_items(cleared, "editor")
        self.control.add_labels(
            [LabelEvent(n, n, PRESENT, "human", "general", created=1.0) for n in ("i01", "i03")], "sam"
        )
        bundle = make_bundle(folder / "b")
        live = Live(bundle, self.control, fixed_clock(AT), policy="open")
        self.engine = Engine(live, self.control, open_state(folder / "state.db"), fixed_clock(AT))

    def list(self, viewer=FEED, **ask):
        answer = self.engine.recommend([Ask(viewer, 10, **ask)])[0]
        return set(answer.view.ids.external(answer.slate.items)), answer.degraded

    def close(self):
        self.proxy.mend() if not self.proxy._open.is_set() else None
        self.control.close()
        self.proxy.close()


@pytest.fixture
def replica(tmp_path, location):
    made = Replica(tmp_path, location)
    yield made
    made.close()


def stale(replica):
    return "safety_stale" in replica.list()[1]


def stale_at_last(replica):
    """Whether a list is under the rule for a lost store; no list is whole when the store has been lost for longer."""
    silent = replica.control.silent_seconds()
    found = stale(replica)
    assert found or silent <= LEASE_SECONDS
    return found


def test_without_its_store_a_replica_serves_only_what_a_person_has_cleared_after_the_lease_and_recovers(replica):
    whole, degraded = replica.list()
    assert len(whole) == 10
    assert degraded == ()
    replica.proxy.cut()
    until(lambda: stale_at_last(replica))
    assert replica.control.silent_seconds() > LEASE_SECONDS
    assert replica.list() == ({"i01", "i03"}, ("safety_stale",))
    shown, degraded = replica.list(HOME)
    assert (shown, degraded) == (set(), ("safety_stale", "no_cleared_items"))
    replica.proxy.mend()
    until(lambda: not stale(replica))
    assert replica.list()[0] == whole


def test_a_takedown_during_the_cut_counts_before_the_first_whole_list(replica, location):
    item = "i05"
    assert item in replica.list(Viewer("feed", "DE", 30))[0] | replica.list(session=("i07",))[0]
    replica.proxy.cut()
    other = ControlStore.open(POSTGRES + location, fixed_clock(AT))
    other.take_down(item, reason="court", actor="sam")
    other.close()
    until(lambda: stale(replica))
    replica.proxy.mend()
    until(lambda: not stale(replica))
    assert item not in replica.list()[0] | replica.list(session=("i07",))[0]


def test_a_request_does_not_wait_for_a_server_that_is_there_and_says_nothing(replica):
    replica.proxy.freeze()
    answered = []
    asked = threading.Thread(target=lambda: answered.append(replica.list(user_id="ann")), daemon=True)
    asked.start()
    asked.join(timeout=PATIENCE_SECONDS)
    assert answered
    until(lambda: stale(replica))
    made = replica.proxy.connections
    shown, degraded = replica.list(user_id="ann")
    assert replica.proxy.connections == made  # it did not even ask
    assert (shown, degraded) == ({"i01", "i03"}, ("controls_unavailable", "safety_stale"))
