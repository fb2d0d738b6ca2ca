"""The decision log: every decision once, chained over rotations, restarts and kills; records small."""

import json

import pytest

from recsys.clock import EventClock
from recsys.types import Viewer
from serving.asks import Ask
from serving.decisions import DecisionLog, record
from serving.receipts.chain import header, last, records, segments
from serving.receipts.records import packing, remembered, side
from support.serve import make_bundle, stand


def pseudonym(user):
    return f"p-{len(user)}"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stand")
    found = stand(folder, make_bundle(folder / "b"))
    found.saw("u0", *(f"i{n:02}" for n in range(1, 20, 2)))
    return found


@pytest.fixture(scope="module")
def answers(here):
    return here.engine.recommend([Ask(Viewer("feed", age=30), 20, user_id=f"u{n}") for n in range(20)])


def logged(folder):
    return [found["id"] for segment in segments(folder) for found in records(segment)]


def ids(answers):
    return [answer.decision_id for answer in answers]


def test_every_decision_is_written_once_and_in_order(tmp_path, answers):
    log = DecisionLog(tmp_path, pseudonym)
    log.write(answers[:10])
    log.write(answers[10:])
    log.close()
    assert logged(tmp_path) == ids(answers)


def test_a_full_segment_is_compressed_and_loses_nothing(tmp_path, answers):
    log = DecisionLog(tmp_path, pseudonym, segment_bytes=2_000)
    for answer in answers:
        log.write([answer])
        log.flush()
    log.close()
    assert len(list(tmp_path.glob("*.jsonl.zst"))) > 1
    assert logged(tmp_path) == ids(answers)


def test_a_restarted_worker_goes_on_with_its_chain(tmp_path, answers):
    for part in (answers[:3], answers[3:5]):
        log = DecisionLog(tmp_path, pseudonym)
        log.write(part)
        log.close()
    (segment,) = segments(tmp_path)
    assert [found["n"] for found in records(segment)] == [1, 2, 3, 4, 5]


def test_two_workers_write_two_chains(tmp_path, answers):
    logs = [DecisionLog(tmp_path, pseudonym) for _ in range(2)]
    for log, answer in zip(logs, answers, strict=False):
        log.write([answer])
    for log in logs:
        log.close()
    assert sorted(segment.chain[-2:] for segment in segments(tmp_path)) == ["-0", "-1"]


def test_a_new_segment_begins_with_the_last_hash_of_the_one_before(tmp_path, answers):
    log = DecisionLog(tmp_path, pseudonym, segment_bytes=1)
    log.write(answers[:1])
    log.close()
    first, second, *_ = segments(tmp_path)
    assert header(second)["previous"] == last(first)["h"]


def test_a_quiet_worker_begins_a_new_segment_every_day(tmp_path, answers):
    clock = EventClock(0.0)
    log = DecisionLog(tmp_path, pseudonym, clock=clock)
    log.write(answers[:1])
    clock.saw(86_399.0)
    log.flush()
    assert len(segments(tmp_path)) == 1
    clock.saw(86_400.0)
    log.flush()
    clock.saw(300_000.0)
    log.flush()  # nothing has been written since: no third one
    assert len(segments(tmp_path)) == 2
    log.close()


def test_a_line_that_a_kill_cut_off_is_taken_off_at_the_next_start(tmp_path, answers):
    log = DecisionLog(tmp_path, pseudonym)
    log.write(answers[:2])
    log.close()
    (segment,) = segments(tmp_path)
    with segment.path.open("ab") as file:
        file.write(b'{"v":1,"n":3,"id":"half')
    log = DecisionLog(tmp_path, pseudonym)
    log.write(answers[2:3])
    log.close()
    assert logged(tmp_path) == ids(answers[:3])


def test_what_a_full_disk_refused_is_written_later_and_whole(tmp_path, answers):
    log = DecisionLog(tmp_path, pseudonym)
    log._stopped.set()
    log._thread.join()
    real = log._file

    class Full:
        def write(self, data):
            real.write(bytes(data[:20]))
            raise OSError(28, "No space left on device")

        def __getattr__(self, name):
            return getattr(real, name)

    log._file = Full()
    log.write(answers[:2])
    with pytest.raises(OSError, match="No space"):
        log.flush()
    log._file = real
    log.write(answers[2:3])
    log.flush()
    log.flush()
    log.close()
    assert logged(tmp_path) == ids(answers[:3])


def test_a_damaged_chain_keeps_no_worker_from_starting(tmp_path, answers):
    log = DecisionLog(tmp_path, pseudonym)
    log.close()
    (segment,) = segments(tmp_path)
    segment.path.write_bytes(b"no json\n")
    log = DecisionLog(tmp_path, pseudonym)
    log.write(answers[:1])
    log.close()
    assert segments(tmp_path)[-1].chain.endswith("-1")


def test_a_record_of_twenty_items_is_below_a_kilobyte_and_names_no_user(tmp_path, answers):
    log = DecisionLog(tmp_path, pseudonym)
    log.write(answers[:1])
    log.close()
    line = segments(tmp_path)[0].path.read_text().splitlines()[1]
    assert len(json.loads(line)["items"]) == 20
    assert len(line) < 1_000
    assert "u0" not in line


def test_a_record_names_the_versions_it_was_made_under(answers):
    made = record(answers[0])
    assert made["bundle"] == answers[0].view.bundle.version
    assert made["policy"].startswith("open@")
    assert made["viewer"] == ["feed", None, 30, True]


def test_a_side_record_names_its_user_by_the_pseudonym_only_and_holds_what_was_known(answers):
    beside, _ = side(answers[0], "p-2")
    ask, memory = remembered(beside)
    assert b"u0" not in beside.raw
    assert ask.user_id == "p-2"
    assert memory.history == answers[0].memory.history
    assert sorted(memory.seen) == sorted(answers[0].memory.seen)
    assert memory.controls == answers[0].memory.controls


def test_the_same_side_record_has_another_hash_each_time(answers):
    assert side(answers[0], "p")[1] != side(answers[0], "p")[1]


def test_a_side_record_is_the_same_from_a_packer_that_has_packed_others(answers):
    pack = packing()
    packed = [side(answer, "p", pack)[0].packed for answer in answers]
    assert packed == [side(answer, "p")[0].packed for answer in answers]
