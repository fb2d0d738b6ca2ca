"""S08: no response and no file of lists drops a label or who gave it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.clock import to_datetime
from recsys.lake import Lake
from recsys.safety import Gate
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.types import Viewer
from serving.batch import LABEL_SOURCES, Job, Writer, recommend
from serving.settings import Settings
from serving.stores.control import ControlStore
from support.data import AT
from support.evidence import proves
from support.inside import inside
from support.receipts import shared_bundle

SOURCES = {
    "ai_generated": ["human"],
    "general": ["provider"],
    "mature": ["model", "provider"],
    "sponsored": ["provider"],
    "synthetic": ["provider"],
}
RECORD = {"item_id": "i01", "labels": [name for name, given in SOURCES.items() if "provider" in given]}
SAID = (
    {"item_id": "i01", "source": "human", "label": "ai_generated"},
    {"item_id": "i01", "source": "model", "label": "mature", "score": 0.4, "actor": "scanner"},
)


def _only_the_first(patch: pytest.MonkeyPatch) -> None:
    whole = Gate.provenance
    patch.setattr(Gate, "provenance", lambda gate, index: dict(list(whole(gate, index).items())[:1]))


def _one_source(patch: pytest.MonkeyPatch) -> None:
    whole = Gate.provenance
    patch.setattr(Gate, "provenance", lambda gate, index: {name: who[:1] for name, who in whole(gate, index).items()})


def _shown(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in answer["items"] if item["item_id"] == "i01")
    return found


@proves("S08", mutation="only the first label of an item is sent", by=_only_the_first)
@proves("S08", mutation="only one of those who gave a label is named", by=_one_source)
def test_s08_every_answer_over_http_has_every_label_with_its_sources(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        api.done("PUT", "/v1/items", {"items": [RECORD]}, role="platform")
        api.done("POST", "/v1/labels", {"labels": list(SAID)})
        asked = [("/v1/recommend", {}), ("/v1/similar", {"item_id": "i03"})]
        answers = [api.done("POST", path, {"age": 30, "k": 40, **body}, role="platform") for path, body in asked]
        for item in map(_shown, answers):
            assert item["labels"] == sorted(SOURCES)
            assert item["label_sources"] == SOURCES
            assert item["notice"] == {"verdict": "label", "labels": ["ai_generated", "sponsored"]}


def _unsourced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Writer, "labels", lambda writer, view, items: [view.gate.labels(int(item)) for item in items])


@proves("S08", mutation="only the first label of an item is written", by=_only_the_first)
@proves("S08", mutation="a file of lists has labels without who gave them", by=_unsourced)
def test_s08_a_file_of_lists_has_every_label_with_its_sources(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path, bundle=shared_bundle().path, clock="events", policy="open")
    control = ControlStore.open(settings.control_location(), lambda: AT)
    control.upsert_items([RECORD], "platform")
    events = [LabelEvent(f"l{at}", created=1.0, item_version=PRESENT, **said) for at, said in enumerate(SAID)]
    control.add_labels(events, "officer")
    control.close()
    times = pa.array([to_datetime(AT)], pa.timestamp("us", tz="UTC"))
    event = {"event_id": ["e"], "user_id": ["ann"], "item_id": ["i03"], "kind": ["view"], "timestamp": times}
    Lake(tmp_path / "lake").append("events", pa.table(event))
    out = tmp_path / "lists.parquet"
    recommend(Job(out, None, 40, lake=str(tmp_path / "lake"), viewer=Viewer("batch", "DE", 30)), settings)
    row = next(row for row in pq.read_table(out).to_pylist() if row["item_id"] == "i01")
    assert row["labels"] == sorted(SOURCES)
    assert json.loads(pq.read_metadata(out).metadata.get(LABEL_SOURCES, b"{}")) == {"i01": SOURCES}
