"""User state and queued work when processes are killed or work beside each other."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serving.stores.jobs import Jobs
from serving.stores.state import Event, open_state

WRITER = """
import sys
from serving.stores.state import Event, open_state
state = open_state(sys.argv[1])
for n in range(100_000):
    state.append([Event(f"e{n}-{k}", f"u{k}", f"i{n}", timestamp=float(n)) for k in range(3)])
    print(n, flush=True)
"""


def test_a_kill_loses_no_acknowledged_event_and_leaves_no_half_batch(tmp_path):
    path = tmp_path / "state.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        acknowledged = -1
        for line in writer.stdout:
            acknowledged = int(line)
            if acknowledged >= 50:
                os.kill(writer.pid, signal.SIGKILL)
                break
    with_state = open_state(path)
    lengths = {len(with_state.history(f"u{k}")) for k in range(3)}
    assert len(lengths) == 1
    assert lengths.pop() >= acknowledged + 1
    assert len(with_state.pending(10**6)) == 3 * len(with_state.history("u0"))
    with_state.close()


def test_an_event_of_one_process_is_in_the_history_of_another(tmp_path):
    path = tmp_path / "state.db"
    mine = open_state(path)
    assert mine.history("u").items == []
    code = (
        "import sys; from serving.stores.state import Event, open_state; "
        "open_state(sys.argv[1]).append([Event('1', 'u', 'a', timestamp=1.0)])"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert mine.history("u").items == ["a"]
    mine.close()


def test_an_event_of_one_process_is_the_next_thing_that_another_reads(tmp_path):
    path = tmp_path / "state.db"
    mine = open_state(path)
    assert mine.recent("", 10) == []
    code = (
        "import sys; from serving.stores.state import Event, open_state; "
        "open_state(sys.argv[1]).append([Event('1', 'u', 'a', timestamp=1.0)])"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert [one.item_id for one in mine.recent("", 10)] == ["a"]
    mine.close()


def test_no_byte_of_an_erased_user_is_left_in_the_files(tmp_path):
    state = open_state(tmp_path / "state.db")
    state.append([Event(f"e{n}", "reader-4711", f"item-{n}", timestamp=float(n)) for n in range(500)])
    state.put_profiles({"reader-4711": {"name": "Zhang"}})
    state.erase("reader-4711")
    found = b"".join(file.read_bytes() for file in Path(tmp_path).iterdir())
    assert b"reader-4711" not in found
    assert b"Zhang" not in found
    state.close()


class Ticking:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Ticking()


@pytest.fixture
def jobs(tmp_path, clock):
    queue = Jobs(tmp_path / "jobs.db", clock)
    yield queue
    queue.close()


def test_jobs_are_taken_in_order_and_one_at_a_time(jobs):
    jobs.put("erase", {"user_id": "u"})
    jobs.put("erase", {"user_id": "v"})
    assert [jobs.take("erase").payload["user_id"] for _ in range(2)] == ["u", "v"]
    assert jobs.take("erase") is None


def test_a_job_of_another_kind_is_left_alone(jobs):
    jobs.put("erase", {})
    assert jobs.take("other") is None
    assert jobs.take().kind == "erase"


def test_a_job_that_is_done_never_comes_back(jobs, clock):
    jobs.put("erase", {})
    jobs.done(jobs.take().id)
    clock.now += 10_000
    assert jobs.take() is None
    assert jobs.waiting() == 0


def test_a_job_of_a_taker_that_died_comes_back_when_the_lease_has_run_out(jobs, clock):
    jobs.put("erase", {})
    first = jobs.take(lease_seconds=60)
    clock.now += 59
    assert jobs.take() is None
    clock.now += 1
    again = jobs.take()
    assert (again.id, again.tries) == (first.id, 2)


def test_a_job_that_failed_waits_twice_as_long_every_time(jobs, clock):
    jobs.put("erase", {})
    jobs.failed(jobs.take().id, "the lake is away")
    clock.now += 1.9
    assert jobs.take() is None
    clock.now += 0.1
    jobs.failed(jobs.take().id, "the lake is away")
    clock.now += 3.9
    assert jobs.take() is None
    clock.now += 0.1
    assert jobs.take().tries == 3


def test_jobs_outlive_their_process(jobs, tmp_path, clock):
    jobs.put("erase", {"user_id": "u"})
    again = Jobs(tmp_path / "jobs.db", clock)
    assert again.take().payload == {"user_id": "u"}
    again.close()
