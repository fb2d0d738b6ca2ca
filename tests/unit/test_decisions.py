"""The decision log: every decision once, segments rotated and compressed, records small."""

import io
import json

import pytest
import zstandard

from recsys.types import Viewer
from serving.asks import Ask
from serving.decisions import DecisionLog, record
from support.serve import make_bundle, stand


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stand")
    here = stand(folder, make_bundle(folder / "b"))
    return here.engine.recommend([Ask(Viewer("feed", age=30), 20, user_id=f"u{n}") for n in range(20)])


def lines(folder):
    text = "".join(file.read_text() for file in folder.glob("*.jsonl"))
    for file in folder.glob("*.jsonl.zst"):
        with file.open("rb") as source:
            text += io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(source)).read()
    return [json.loads(line) for line in text.splitlines()]


def test_every_decision_is_written_once(tmp_path, answers):
    log = DecisionLog(tmp_path)
    log.write(answers[:10])
    log.write(answers[10:])
    log.close()
    assert sorted(line["id"] for line in lines(tmp_path)) == sorted(answer.decision_id for answer in answers)


def test_a_full_segment_is_compressed_and_loses_nothing(tmp_path, answers):
    log = DecisionLog(tmp_path, segment_bytes=2_000)
    for answer in answers:
        log.write([answer])
        log.flush()
    log.close()
    assert len(list(tmp_path.glob("*.jsonl.zst"))) > 1
    assert sorted(line["id"] for line in lines(tmp_path)) == sorted(answer.decision_id for answer in answers)


def test_a_record_of_twenty_items_is_about_a_kilobyte_and_names_no_user(answers):
    text = json.dumps(record(answers[0]))
    assert len(text) <= 1_200
    assert "u0" not in text


def test_a_record_names_the_versions_it_was_made_under(answers):
    made = record(answers[0])
    assert made["bundle"] == answers[0].view.bundle.version
    assert made["policy"].startswith("open@")
    assert made["viewer"] == ["feed", None, 30, True]
