"""Exposure of several workers over one store."""

import pytest

from recsys.overrides import Exposure, Impression
from serving.exposure import SharedExposure
from serving.stores.control import ControlStore
from support.stores import clock, control, location  # noqa: F401
from support.waiting import until

DAY = 719_163
SHOWN = [Impression("c", DAY, 1), Impression("c", DAY, 2)]


@pytest.fixture
def two(location, control, clock):  # noqa: F811
    other = ControlStore.open(location, clock)
    yield SharedExposure(control, clock), SharedExposure(other, clock)
    other.close()


def exchanged(*workers):
    for worker in (*workers, *workers):
        worker.exchange()


def heard_of(sequence, *workers):
    """Wait until each worker has heard of a change; over a network that takes some 100 ms."""
    until(lambda: all(worker._control.sequence() >= sequence for worker in workers))


def test_what_one_worker_shows_counts_for_it_at_once_and_for_others_after_an_exchange(two):
    one, other = two
    one.record("u", SHOWN)
    assert (one.totals(["c"]).tolist(), other.totals(["c"]).tolist()) == ([2], [0])
    exchanged(one, other)
    for worker in two:
        assert worker.totals(["c"]).tolist() == [2]
        assert worker.in_slot("c", 2) == 1
        assert dict(worker.of_user("u")) == {("c", DAY): 2}


def test_what_both_show_is_added_and_nothing_is_counted_twice(two):
    for worker in two:
        worker.record("u", SHOWN)
    exchanged(*two)
    two[0].record(None, SHOWN[:1])
    exchanged(*two)
    assert [worker.totals(["c"]).tolist() for worker in two] == [[5], [5]]
    assert [dict(worker.of_user("u")) for worker in two] == [{("c", DAY): 4}] * 2


def test_a_new_worker_knows_what_was_counted_before(two, control, clock):  # noqa: F811
    two[0].record("u", SHOWN)
    two[0].stop()
    late = SharedExposure(control, clock)
    late.exchange()
    assert late.totals(["c"]).tolist() == [2]


def test_an_erased_user_is_forgotten_everywhere_and_the_campaigns_counts_stay(two, control):  # noqa: F811
    two[0].record("u", SHOWN)
    exchanged(*two)
    control.erase_user("u")
    heard_of(control.sequence(), *two)
    exchanged(*two)
    assert [dict(worker.of_user("u")) for worker in two] == [{}, {}]
    assert control.exposure_since(0).users == {}
    assert two[1].totals(["c"]).tolist() == [2]


def test_it_counts_as_the_memory_of_one_process_does(two):
    memory, (one, _) = Exposure(), two
    for user in ("u", "v", None):
        memory.record(user, SHOWN)
        one.record(user, SHOWN)
    assert one.totals(["c", "d"]).tolist() == memory.totals(["c", "d"]).tolist()
    assert dict(one.of_user("v")) == dict(memory.of_user("v"))
