"""What was done to a decision log is found, by file and record; erasure and removal in time are no fault."""

import sqlite3

import pytest
import zstandard

from recsys.clock import EventClock, fixed_clock
from recsys.types import Viewer
from serving.asks import Ask
from serving.decisions import DecisionLog
from serving.receipts.chain import linked, segments, unlinked
from serving.receipts.keeping import anchor, drain_decisions, forget, forget_user, remove_old
from serving.receipts.upkeep import Upkeep
from serving.receipts.verify import verify
from serving.stores.control import ControlStore
from support.data import AT
from support.serve import make_bundle, stand

DAY = 86_400.0


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stand")
    here = stand(folder, make_bundle(folder / "b"))
    return here.engine.recommend([Ask(Viewer("feed", age=30), 5, user_id=f"u{n % 4}") for n in range(12)])


class Log:
    """A decision log with its audit; three segments of four records, the last one open."""

    def __init__(self, folder, answers):
        self.folder = folder / "decisions"
        self.clock = EventClock(AT)
        self.control = ControlStore.open(folder / "control.db", fixed_clock(AT + 1))
        log = DecisionLog(self.folder, self.control.pseudonym, clock=self.clock, segment_seconds=DAY)
        for day, start in enumerate((0, 4, 8)):
            self.clock.saw(AT + day * DAY)
            log.flush()  # a day is over: a new segment
            log.write(answers[start : start + 4])
            log.flush()
        log.close()

    def fault(self):
        found = verify(self.folder, self.control)
        assert len(found.faults) == 1, found
        return found.faults[0]

    def segment(self, number):
        return segments(self.folder)[number - 1]

    def edit(self, number, change):
        """Rewrite a segment from what ``change`` makes of its lines."""
        segment = self.segment(number)
        packed = segment.path.name.endswith("zst")
        raw = segment.path.read_bytes()
        if packed:
            with segment.path.open("rb") as file:
                raw = zstandard.ZstdDecompressor().stream_reader(file).read()
        text = b"".join(line + b"\n" for line in change(raw.splitlines()))
        segment.path.write_bytes(zstandard.compress(text) if packed else text)


@pytest.fixture
def log(tmp_path, answers):
    made = Log(tmp_path, answers)
    assert len(segments(made.folder)) == 3
    return made


def test_a_log_that_nobody_touched_holds(log):
    anchor(log.folder, log.control)
    found = verify(log.folder, log.control)
    assert (found.chains, found.segments, found.records, found.sides, found.anchors) == (1, 3, 12, 12, 1)
    assert found.faults == []


def test_an_altered_record_is_found_by_file_and_number(log):
    log.edit(2, lambda lines: [*lines[:2], lines[2].replace(b'"k":5', b'"k":6'), *lines[3:]])
    fault = log.fault()
    assert (fault.file, fault.record) == (log.segment(2).path.name, 6)


def test_a_record_that_was_altered_with_its_own_hash_is_found_at_the_next_one(log):
    def forged(lines):
        previous = unlinked(lines[1])[1]
        return [*lines[:2], linked(previous, unlinked(lines[2])[0].replace(b'"k":5', b'"k":6'))[0], *lines[3:]]

    log.edit(2, forged)
    assert log.fault().record == 7


def test_a_record_that_was_taken_out_is_found(log):
    log.edit(3, lambda lines: [*lines[:2], *lines[3:]])
    assert log.fault().record == 10


def test_a_segment_that_was_taken_out_is_found(log):
    log.segment(2).path.unlink()
    assert "segment 2 of the chain is missing" in log.fault().what


def test_the_end_cannot_be_taken_off_behind_an_anchor(log):
    anchor(log.folder, log.control)
    log.edit(3, lambda lines: lines[:3])
    assert "anchor at record 12" in log.fault().what


def test_a_chain_that_was_written_anew_differs_from_its_anchor(log):
    anchor(log.folder, log.control)

    def anew(lines):
        head, out = unlinked(lines[0])[1], [lines[0]]
        for line in lines[1:]:
            made, head = linked(head, unlinked(line)[0].replace(b'"k":5', b'"k":6'))
            out.append(made)
        return out

    log.edit(3, anew)
    assert "anchor" in log.fault().what


def test_a_log_that_is_gone_as_a_whole_is_missed(log):
    anchor(log.folder, log.control)
    for segment in segments(log.folder):
        segment.path.unlink()
    assert "anchor" in log.fault().what


def test_an_altered_side_record_is_found(log):
    connection = sqlite3.connect(log.segment(1).side)
    row = connection.execute("SELECT packed FROM sides LIMIT 1 OFFSET 1").fetchone()[0]
    raw = zstandard.decompress(row).replace(b"u", b"v", 1)
    connection.execute("UPDATE sides SET packed = ? WHERE packed = ?", (zstandard.compress(raw), row))
    connection.commit()
    connection.close()
    assert log.fault().file == log.segment(1).side.name


def test_an_anchor_is_written_only_where_a_chain_has_moved(log):
    assert anchor(log.folder, log.control) == 1
    assert anchor(log.folder, log.control) == 0


def test_an_erased_user_is_gone_from_every_side_record_and_the_chain_holds(log):
    anchor(log.folder, log.control)
    user = log.control.pseudonym("u1")
    packed = [row[0] for row in sqlite3.connect(log.segment(1).side).execute("SELECT packed FROM sides")]
    assert forget_user(log.folder, user, AT) == 3
    found = verify(log.folder, log.control)
    assert (found.records, found.sides, found.faults) == (12, 9, [])
    everything = b"".join(file.read_bytes() for file in log.folder.iterdir() if file.is_file())
    assert user.encode() not in everything
    assert sum(blob in everything for blob in packed) == 3  # of this segment's four users


def test_what_a_user_does_after_the_erasure_stays(log):
    assert forget_user(log.folder, log.control.pseudonym("u1"), AT - 1) == 0


def test_an_erasure_of_another_replica_reaches_this_log(log):
    log.control.erase_user("u2")
    assert forget(log.folder, log.control) == 3


def test_a_decision_that_was_still_queued_at_the_erasure_goes_with_the_next_round(log, answers):
    upkeep = Upkeep(log.folder, log.control, days=1e4, clock=log.clock)
    log.control.erase_user("u2")
    upkeep.round()
    late = DecisionLog(log.folder, log.control.pseudonym, clock=log.clock)
    late.write([answer for answer in answers if answer.ask.user_id == "u2"][:1])
    late.close()
    upkeep.round()
    assert verify(log.folder, log.control).sides == 9
    assert verify(log.folder, log.control).records == 13


def test_old_segments_are_removed_whole_and_the_rest_still_holds(log):
    anchor(log.folder, log.control)
    # the first segment was closed on day 1, the second on day 2, the third is open
    assert remove_old(log.folder, log.control, days=30, clock=fixed_clock(AT + 30.5 * DAY)) == []
    removed = remove_old(log.folder, log.control, days=30, clock=fixed_clock(AT + 31.5 * DAY))
    assert len(removed) == 1
    assert len(list(log.folder.glob("*.side"))) == 2
    found = verify(log.folder, log.control)
    assert (found.records, found.anchors, found.faults) == (8, 1, [])
    (note,) = log.control.notes("decisions.removed")
    assert (note.after["segments"][0]["records"], note.reason) == (4, "kept for 30 days")


def test_a_removal_that_was_not_noted_is_a_fault(log):
    log.segment(1).path.unlink()
    assert "segment 1 of the chain is missing" in log.fault().what


def test_a_removal_that_was_interrupted_is_no_fault_and_is_finished_later(log, monkeypatch):
    clock = fixed_clock(AT + 31.5 * DAY)
    monkeypatch.setattr("serving.receipts.sides.remove", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        remove_old(log.folder, log.control, days=30, clock=clock)
    monkeypatch.undo()
    assert verify(log.folder, log.control).faults == []
    assert len(remove_old(log.folder, log.control, days=30, clock=clock)) == 1
    assert verify(log.folder, log.control).faults == []


def test_a_worker_goes_on_where_old_segments_were_removed(log, answers):
    remove_old(log.folder, log.control, days=30, clock=fixed_clock(AT + 40 * DAY))
    again = DecisionLog(log.folder, log.control.pseudonym, clock=log.clock)
    again.write(answers[:1])
    again.close()
    assert verify(log.folder, log.control).faults == []


def test_decisions_reach_the_lake_once_and_without_users(log, tmp_path):
    from recsys.lake import Lake

    lake = Lake(tmp_path / "lake")
    assert drain_decisions(log.folder, lake) == 12
    assert drain_decisions(log.folder, lake) == 0
    (log.folder / "drained.json").unlink()
    assert drain_decisions(log.folder, lake) == 0
    table = lake.read("decisions")
    assert "user_id" not in table.column_names
    row = table.to_pylist()[0]
    assert (row["surface"], row["age"], len(row["items"]), len(row["sources"])) == ("feed", 30, 5, 5)


def test_the_hourly_work_is_done_once_an_hour(log):
    clock = EventClock(AT + 10 * DAY)
    upkeep = Upkeep(log.folder, log.control, days=1e4, clock=clock)
    upkeep.round()
    assert len(log.control.notes("decisions.anchor")) == 1
    clock.saw(clock() + 3_599)
    upkeep.round()
    assert (log.folder / "hour.json").read_text() == str(AT + 10 * DAY)
    clock.saw(clock() + 1)
    upkeep.round()
    assert (log.folder / "hour.json").read_text() == str(AT + 10 * DAY + 3_600)
