"""Labels from files: what a file says comes in whole, and what is wrong is named by row and field."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import DataError
from recsys.safety.labels import PRESENT
from recsys.safety.labels.reading import read_labels

NOW = 1_800_000_000.0
ROW = {
    "id": "l1",
    "item_id": "408",
    "source": "human",
    "label": "War",
    "score": 0.5,
    "territory": "de",
    "created": "2026-01-01T00:00:00Z",
    "negates": True,
    "evidence": "reel 2",
    "item_version": 7,
}


def write(path, row):
    if path.suffix == ".jsonl":
        path.write_text(json.dumps(row) + "\n")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    else:
        path.write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    return path


@pytest.mark.parametrize("name", ["l.csv", "l.jsonl", "l.parquet"])
def test_a_row_says_the_same_in_every_format(tmp_path, name):
    (event,) = read_labels(write(tmp_path / name, ROW), NOW, actor="sam")
    assert (event.id, event.item_id, event.source, event.label) == ("l1", "408", "human", "war")
    assert (event.score, event.territory, event.created, event.negates) == (0.5, "DE", 1_767_225_600.0, True)
    assert (event.evidence, event.item_version, event.expires, event.actor) == ("reel 2", 7, None, "sam")


def test_what_a_row_leaves_out_has_a_default_and_the_same_id_on_every_reading(tmp_path):
    path = write(tmp_path / "l.csv", {"item_id": "408", "source": "rule", "label": "war"})
    first, again = read_labels(path, NOW), read_labels(path, NOW)
    assert [event.id for event in first] == [event.id for event in again]
    assert (first[0].created, first[0].item_version, first[0].score) == (NOW, PRESENT, None)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("score", "much"),
        ("score", 7),
        ("source", "press"),
        ("territory", "Germany"),
        ("created", "yesterday"),
        ("negates", "maybe"),
        ("item_version", 1.5),
        ("label", "a;b"),
        ("item_id", ""),
    ],
)
def test_a_bad_field_is_named_with_its_row(tmp_path, field, value):
    with pytest.raises(DataError, match=f"row 1: {field}.*Nothing was imported"):
        read_labels(write(tmp_path / "l.csv", {**ROW, field: value}), NOW)


def test_a_missing_and_an_unknown_column_are_named(tmp_path):
    with pytest.raises(DataError, match="no column label"):
        read_labels(write(tmp_path / "l.csv", {"item_id": "1", "source": "human"}), NOW)
    with pytest.raises(DataError, match="'scoer' is no field"):
        read_labels(write(tmp_path / "l.csv", {**ROW, "scoer": 1}), NOW)


def test_a_broken_line_refuses_the_file(tmp_path):
    path = tmp_path / "l.jsonl"
    path.write_text(json.dumps(ROW) + "\n{\n")
    with pytest.raises(DataError, match="row 2"):
        read_labels(path, NOW)


def test_a_label_from_the_future_is_refused(tmp_path):
    with pytest.raises(DataError, match="future"):
        read_labels(write(tmp_path / "l.csv", {**ROW, "created": "2999-01-01"}), NOW)
