"""The digest of scores and reasons hangs on what was known of a user, and goes with it."""

from dataclasses import replace

import msgspec
import pytest
import zstandard

from serving import decisions
from serving.receipts import records
from serving.receipts.find import find
from serving.receipts.keeping import forget_user
from serving.receipts.replay import bundle_of, replay
from serving.receipts.verify import verify
from support.data import AT
from support.receipts import Logged


class Place(Logged):
    def again(self, answer):
        found = find(self.folder, answer.decision_id)
        return replay(found, self.control, self.folder, bundle_of(self.settings, [self.bundle]))

    def everything(self):
        """All that lies in the log's folder, unpacked where it is packed."""
        return b"".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file())


@pytest.fixture
def place(tmp_path):
    here = Place(tmp_path)
    here.stand.saw("ann", "i01", "i03")
    yield here
    here.close()


def test_what_a_record_says_is_the_same_whatever_the_list_rests_on(place):
    answer = place.served(user_id="ann")
    other = replace(answer, reasons=tuple("popular" for _ in answer.reasons), slate=answer.slate)
    assert records.seal_of(other) != records.seal_of(answer)
    assert records.record(other) == records.record(answer)


def test_after_an_erasure_nothing_confirms_a_guess_of_what_was_known(place):
    answer = place.served(user_id="ann")
    digest = records.seal_of(answer).encode()
    found = find(place.folder, answer.decision_id)
    assert digest in found.side.raw
    forget_user(place.folder, place.control.pseudonym("ann"), AT)
    assert digest not in place.everything()
    assert found.side.packed not in place.everything()
    assert verify(place.folder, place.control).faults == []


def test_a_digest_that_was_altered_is_found_by_the_chain_and_by_replay(place):
    answer = place.served(user_id="ann")
    found = find(place.folder, answer.decision_id)
    kept = {**msgspec.json.decode(found.side.raw), "seal": "another"}
    altered = replace(found.side, packed=zstandard.compress(msgspec.json.encode(kept)))
    place.log._sides.add([altered])
    assert verify(place.folder, place.control).faults[0].what == "the side record is not the one that was written"
    assert place.again(answer).why == ["the scores and reasons are others now"]


def _side_before(answer, user, pack):
    """A side record of format 1."""
    ask = replace(answer.ask, user_id=user, deadline=0.0)
    raw, salt = records._encode({"v": 1, "ask": ask, "memory": answer.memory}), b"salt" * 4
    return records.Side(answer.decision_id, answer.at, user, salt, pack(raw)), records.sealed(salt, raw)


@pytest.mark.parametrize(("digest", "identical"), [(None, True), ("another", False)])
def test_a_decision_of_format_1_is_verified_and_replayed_by_the_digest_in_its_record(
    place, monkeypatch, digest, identical
):
    monkeypatch.setattr(decisions, "FORMAT", 1)
    monkeypatch.setattr(decisions, "side", _side_before)
    monkeypatch.setattr(
        decisions, "record", lambda answer: {**records.record(answer), "seal": digest or records.seal_of(answer)}
    )
    answer = place.served(user_id="ann")
    monkeypatch.undo()
    assert place.records()[0]["v"] == 1
    later = place.served(user_id="ann")
    assert (place.again(answer).identical, place.again(later).identical) == (identical, True)
    assert verify(place.folder, place.control).faults == []
