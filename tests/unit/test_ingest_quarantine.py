import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from recsys.clock import fixed_clock
from recsys.errors import DataError
from recsys.lake import IngestReport, Lake, ingest

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
GOOD = {"user_id": "u", "item_id": "i"}


def text(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def run(lake: Lake, **options: Any) -> IngestReport:
    return ingest(lake, clock=fixed_clock(NOON.timestamp()), **options)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("user_id", None, "user_id is missing"),
        ("user_id", "  ", "user_id is missing"),
        ("item_id", "", "item_id is missing"),
        ("user_id", True, "user_id has the wrong type"),
        ("user_id", 1.5, "user_id has the wrong type"),
        ("item_id", ["i"], "item_id has the wrong type"),
        ("item_id", {"id": "i"}, "item_id has the wrong type"),
        ("user_id", "u" * 257, "user_id is longer than 256 characters"),
        ("item_id", "i\x00", "item_id holds control characters"),
        ("event_id", "e" * 257, "event_id is longer than 256 characters"),
        ("timestamp", "yesterday", "timestamp cannot be read as a time"),
        ("timestamp", "2024-13-01", "timestamp cannot be read as a time"),
        ("timestamp", float("nan"), "timestamp cannot be read as a time"),
        ("timestamp", 10**18, "timestamp cannot be read as a time"),
        ("timestamp", 20240230, "timestamp cannot be read as a time"),
        ("timestamp", "2024-05-03T00:00:00Z", "timestamp lies in the future"),
        ("timestamp", 4_102_444_800, "timestamp lies in the future"),
        ("value", float("nan"), "value is not a finite number"),
        ("value", float("inf"), "value is not a finite number"),
        ("value", "nan", "value is not a finite number"),
        ("value", "five", "value is not a number"),
        ("value", [5], "value is not a number"),
        ("order", 1.5, "order is not a whole number"),
        ("order", "last", "order is not a number"),
        ("kind", {"a": 1}, "kind has the wrong type"),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_a_bad_value_of_an_event_is_kept_out(
    lake: Lake, tmp_path: Path, field: str, value: object, reason: str, alone: bool
) -> None:
    good = [] if alone else [json.dumps(GOOD | {"timestamp": "2024-05-01", "value": 1, "order": 1, "event_id": "e"})]
    report = run(lake, events=text(tmp_path / "e.jsonl", json.dumps(GOOD | {field: value}), *good))
    assert report.quarantined == {reason: 1}
    assert report.added == {"events": len(good)}


def test_a_day_of_clock_skew_is_no_future(lake: Lake, tmp_path: Path) -> None:
    file = text(tmp_path / "e.csv", "user_id,item_id,timestamp", "u,i,2024-05-02T11:59:00Z", "u,i,2024-05-02T12:01:00Z")
    assert run(lake, events=file).quarantined == {"timestamp lies in the future": 1}


def test_parquet_values_are_checked_like_text(lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "e.parquet"
    times = pa.array([datetime(2024, 5, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC), None])
    table = {"user_id": ["u", "v", "w"], "item_id": ["i"] * 3, "value": [float("nan"), 1.0, None], "timestamp": times}
    pq.write_table(pa.table(table), file)
    assert run(lake, events=file).quarantined == {
        "value is not a finite number": 1,
        "timestamp lies in the future": 1,
    }
    assert lake.read("events")["user_id"].to_pylist() == ["w"]


@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("year", "soon", "year is not a number"),
        ("year", "1e12", "year is out of range"),
        ("min_age", "-1", "min_age is out of range"),
        ("available_from", "never", "available_from cannot be read as a time"),
    ],
)
def test_a_bad_value_of_an_item_is_kept_out(lake: Lake, tmp_path: Path, header: str, value: str, reason: str) -> None:
    report = run(lake, items=text(tmp_path / "i.csv", f"item_id,{header}", f"i,{value}", "j,"))
    assert (report.quarantined, report.added) == ({reason: 1}, {"items": 1})


def test_a_quarantined_row_names_file_row_reason_and_record(lake: Lake, tmp_path: Path) -> None:
    file = text(tmp_path / "e.csv", "uid,item_id,value", "u,i,1", "v,,2")
    run(lake, events=file, mapping={"user_id": "uid"})
    row = lake.read("quarantine").to_pylist()[0]
    assert (row["table"], row["file"], row["row"], row["reason"]) == ("events", str(file), 2, "item_id is missing")
    assert json.loads(row["record"]) == {"uid": "v", "item_id": "", "value": "2"}
    assert (row["user_id"], row["ingested_at"]) == ("v", NOON)


def test_lines_that_are_no_records_are_kept_out_with_their_numbers(lake: Lake, tmp_path: Path) -> None:
    json_file = tmp_path / "e.jsonl"
    json_file.write_bytes(
        b'{"user_id": "u", "item_id": "i"}\n{"user_id": \n\n[1]\n{"user_id": "\xff", "item_id": "i"}\n'
    )
    csv_file = tmp_path / "e.csv"
    csv_file.write_bytes(b"user_id,item_id\nu,i,j\nu,\xff\nu\nu,i\n")
    assert run(lake, events=json_file).added == {"events": 1}
    assert run(lake, events=csv_file).added == {"events": 1}
    found = sorted((r["file"][-5:], r["row"], r["reason"]) for r in lake.read("quarantine").to_pylist())
    assert found == [
        ("e.csv", 1, "another number of fields than the header"),
        ("e.csv", 2, "not UTF-8"),
        ("e.csv", 3, "another number of fields than the header"),
        ("jsonl", 2, "not a JSON object"),
        ("jsonl", 3, "not a JSON object"),
        ("jsonl", 4, "not UTF-8"),
    ]


def test_a_rerun_quarantines_nothing_twice(lake: Lake, tmp_path: Path) -> None:
    file = text(tmp_path / "i.csv", "item_id,year", "i,soon", ",1")
    for _ in range(2):
        run(lake, items=file)
    assert lake.read("quarantine").num_rows == 2


def test_a_quarantined_users_rows_go_with_the_user(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=text(tmp_path / "e.csv", "user_id,item_id", "erased-one,", "kept,"))
    assert lake.erase(["erased-one"]) == {"quarantine": 1}
    assert lake.read("quarantine")["user_id"].to_pylist() == ["kept"]


def test_strict_names_file_row_and_reason_and_changes_nothing(lake: Lake, tmp_path: Path) -> None:
    items = text(tmp_path / "i.csv", "item_id", "i")
    events = text(tmp_path / "e.csv", "user_id,item_id,value", "u,i,1", "u,i,x")
    with pytest.raises(DataError, match=r"e\.csv, row 2: value is not a number\. Nothing was ingested"):
        run(lake, items=items, events=events, strict=True)
    assert lake.versions() == {}


def test_strict_takes_a_file_without_faults(lake: Lake, tmp_path: Path) -> None:
    assert run(lake, events=text(tmp_path / "e.csv", "user_id,item_id", "u,i"), strict=True).added == {"events": 1}


def test_a_missing_column_is_named_with_those_there_are(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"e\.csv has no column item_id.*are user, item.*--map item_id=COLUMN"):
        run(lake, events=text(tmp_path / "e.csv", "user,item", "u,i"), mapping={"user_id": "user"})


def test_a_map_to_a_column_that_no_file_has_is_refused(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No file has the column stars that --map value=stars names"):
        run(lake, events=text(tmp_path / "e.csv", "user_id,item_id", "u,i"), mapping={"value": "stars"})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.csv", b"", "is empty"),
        ("e.csv", b"user_id,item_id\n", "has no rows"),
        ("e.csv", b"\n\n", "has no header"),
        ("e.csv", b"user_id,item_id,item_id\nu,i,i\n", "names the column 'item_id' twice"),
        ("e.csv", b'user_id,item_id\nu,"' + b"x" * (2**24 + 1), "look for a quote that is not closed"),
        ("e.jsonl", b'[{"user_id": "u", "item_id": "i"}]', "holds a JSON array"),
        ("e.xlsx", b"PK", "no known format"),
        ("e.gz", b"PK", "no known format"),
        ("e.parquet", b"PAR1 but not really", "cannot be read to its end"),
        ("e.csv.gz", b"not gzip at all", "cannot be read to its end"),
        ("e.csv.gz", gzip.compress(b"user_id,item_id\n" + b"u,i\n" * 9999, mtime=0)[:-20], "cannot be read to its end"),
        (
            "e.jsonl.gz",
            gzip.compress(b'{"user_id":"u","item_id":"i"}\n' * 9999, mtime=0)[:-20],
            "cannot be read to its end",
        ),
        (
            "e.csv.zst",
            zstandard.ZstdCompressor().compress(b"user_id,item_id\n" + b"u,i\n" * 9999)[:-9],
            "cannot be read to its end",
        ),
    ],
)
def test_a_file_that_is_not_whole_changes_nothing(
    lake: Lake, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        run(lake, events=tmp_path / name, items=text(tmp_path / "i.csv", "item_id", "i"))
    assert lake.versions() == {}


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(
    "lines",
    [
        ("u,i", 'v,"j', "w,k", "x,l"),  # open to the end of the file
        ("u,i", 'v,"j', 'w,"k', "x,l"),  # closed by the next row's quote
        ("u,i", "", 'v,"j"?', "w,k"),  # blank lines are no rows
    ],
)
def test_a_quote_that_is_not_closed_swallows_no_rows(
    lake: Lake, tmp_path: Path, lines: tuple[str, ...], strict: bool
) -> None:
    file = text(tmp_path / "e.csv", "user_id,item_id", *lines)
    with pytest.raises(DataError, match=r"e\.csv, row 2 \(line [34]\).*a quote that is not closed"):
        run(lake, events=file, strict=strict)
    assert lake.versions() == {}


def test_a_file_that_is_not_there_is_named(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file .*absent\.csv"):
        run(lake, events=tmp_path / "absent.csv")


def test_ingesting_nothing_says_what_to_name(lake: Lake) -> None:
    with pytest.raises(DataError, match="nothing to ingest"):
        run(lake)
