import gzip
import json
from collections.abc import Sequence
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


def text(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def jsonl(path: Path, *records: object) -> Path:
    return text(path, *(json.dumps(record, ensure_ascii=False) for record in records))


def parquet(path: Path, **columns: Sequence[Any] | pa.Array) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def run(lake: Lake, **options: Any) -> IngestReport:
    return ingest(lake, clock=fixed_clock(NOON.timestamp()), **options)


def rows(lake: Lake, table: str, *columns: str) -> list[Any]:
    read = lake.read(table)
    if len(columns) == 1:
        return read[columns[0]].to_pylist()
    return [tuple(row[c] for c in columns) for row in read.to_pylist()]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_the_three_tables_come_from_three_files(lake: Lake, tmp_path: Path) -> None:
    report = run(
        lake,
        events=text(tmp_path / "e.csv", "user_id,item_id,timestamp", "u,i,2024-05-01T12:00:00Z", "v,i,1714564800"),
        items=jsonl(tmp_path / "i.jsonl", {"item_id": "i", "title": "霸王别姬", "genres": ["剧情", "爱情"]}),
        users=parquet(tmp_path / "u.parquet", user_id=["u"], age=[24]),
    )
    assert report == IngestReport({"items": 1, "users": 1, "events": 2}, {"items": 1, "users": 1, "events": 2}, {})
    assert rows(lake, "events", "user_id", "kind", "timestamp") == [("u", "view", NOON), ("v", "view", NOON)]
    assert rows(lake, "items", "title", "genres") == [("霸王别姬", ["剧情", "爱情"])]
    assert rows(lake, "users", "user_id", "age") == [("u", "24")]


def test_a_rerun_adds_nothing_and_makes_no_version(lake: Lake, tmp_path: Path) -> None:
    file = text(tmp_path / "e.csv", "user_id,item_id,value", "u,i,1", "u,i,1", "u,,1")
    first, second = run(lake, events=file), run(lake, events=file)
    assert (first.added, second.added) == ({"events": 2}, {"events": 0})
    assert lake.versions() == {"events": 0, "quarantine": 0}
    assert second.quarantined == {"item_id is missing": 1}


def test_the_same_rows_in_another_file_are_other_events(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=text(tmp_path / "a.csv", "user_id,item_id", "u,i"))
    run(lake, events=text(tmp_path / "b.csv", "user_id,item_id", "u,i", "u,i"))
    assert lake.read("events").num_rows == 3


def test_a_given_event_id_counts_across_files(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=text(tmp_path / "a.csv", "event_id,user_id,item_id", "x,u,i"))
    report = run(lake, events=text(tmp_path / "b.csv", "event_id,user_id,item_id", "x,u,i", ",u,i", "y,u,i"))
    assert report.added == {"events": 2}


def test_whole_numbers_as_ids_stay_whole(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=parquet(tmp_path / "ints.parquet", user_id=[1], item_id=pa.array([7], pa.uint16())))
    run(lake, events=parquet(tmp_path / "floats.parquet", user_id=[2.0], item_id=[8.0]))
    run(lake, events=jsonl(tmp_path / "mixed.jsonl", {"user_id": 3, "item_id": "x"}, {"user_id": "4", "item_id": 9.0}))
    run(lake, events=text(tmp_path / "text.csv", "user_id,item_id", "5.0,007"))
    assert sorted(rows(lake, "events", "user_id", "item_id")) == [
        ("1", "7"),
        ("2", "8"),
        ("3", "x"),
        ("4", "9"),
        ("5.0", "007"),
    ]


def test_a_dictionary_column_is_read_as_its_values(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=parquet(tmp_path / "e.parquet", user_id=pa.array(["u", "v"]).dictionary_encode(), item_id=[1, 1]))
    assert rows(lake, "events", "user_id") == ["u", "v"]


@pytest.mark.parametrize(
    "written",
    [
        "2024-05-01T12:00:00",
        "2024-05-01 12:00:00",
        "2024-05-01T12:00:00.000000Z",
        "2024-05-01T20:00:00+08:00",
        "1714564800",
        "1714564800000",
        "1714564800000000",
        "1714564800.0",
    ],
)
def test_a_time_is_read_in_every_spelling(lake: Lake, tmp_path: Path, written: str) -> None:
    run(lake, events=text(tmp_path / "e.csv", "user_id,item_id,timestamp", f"u,i,{written}", "v,i,2024-05-01T12:00Z"))
    run(lake, events=text(tmp_path / "alone.csv", "user_id,item_id,timestamp", f"u,i,{written}"))
    assert rows(lake, "events", "timestamp") == [NOON, NOON, NOON]


def test_eight_digits_are_a_date_whatever_the_file(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=text(tmp_path / "e.csv", "user_id,item_id,timestamp", "u,i,20240501"))
    run(lake, events=jsonl(tmp_path / "e.jsonl", {"user_id": "u", "item_id": "i", "timestamp": 20240501}))
    for name, column in (("ints", [20240501, 1714564800]), ("floats", [20240501.0, None])):
        run(
            lake, events=parquet(tmp_path / f"{name}.parquet", user_id=["u", "v"], item_id=["i", "i"], timestamp=column)
        )
    first = datetime(2024, 5, 1, tzinfo=UTC)
    assert [time for user, time in rows(lake, "events", "user_id", "timestamp") if user == "u"] == [first] * 4
    assert {time for user, time in rows(lake, "events", "user_id", "timestamp") if user == "v"} == {NOON, None}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_naive_timestamp_column_is_utc(lake: Lake, tmp_path: Path, unit: str) -> None:
    times = pa.array([NOON.replace(tzinfo=None)], pa.timestamp(unit))
    run(lake, events=parquet(tmp_path / "e.parquet", user_id=["u"], item_id=["i"], timestamp=times))
    assert rows(lake, "events", "timestamp") == [NOON]


def test_a_timestamp_column_of_another_zone_is_converted(lake: Lake, tmp_path: Path) -> None:
    times = pa.array([NOON], pa.timestamp("ms", tz="Asia/Shanghai"))
    run(lake, events=parquet(tmp_path / "e.parquet", user_id=["u"], item_id=["i"], timestamp=times))
    assert rows(lake, "events", "timestamp") == [NOON]


def test_lists_come_as_lists_or_with_bars_between(lake: Lake, tmp_path: Path) -> None:
    run(lake, items=text(tmp_path / "i.csv", "item_id,genres,labels", "i,Drama | War|,", "j,,safe"))
    assert rows(lake, "items", "item_id", "genres", "labels") == [("i", ["Drama", "War"], None), ("j", None, ["safe"])]


def test_a_year_written_by_pandas_beside_unknown_ones_is_whole(lake: Lake, tmp_path: Path) -> None:
    run(lake, items=parquet(tmp_path / "i.parquet", item_id=["i", "j", "k"], year=[1995.0, float("nan"), None]))
    assert rows(lake, "items", "year") == [1995, None, None]


def test_a_window_may_end_far_in_the_future(lake: Lake, tmp_path: Path) -> None:
    run(lake, items=text(tmp_path / "i.csv", "item_id,available_to", "i,9999-12-31T23:59:59Z"))
    assert rows(lake, "items", "available_to") == [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]


def test_a_column_gets_its_name_by_the_map(lake: Lake, tmp_path: Path) -> None:
    file = text(tmp_path / "e.csv", "uid,iid,stars", "u,i,4")
    run(lake, events=file, mapping={"user_id": "uid", "item_id": "iid", "value": "stars"})
    assert rows(lake, "events", "user_id", "item_id", "value") == [("u", "i", 4.0)]
    assert "uid" not in lake.read("events").column_names


def test_a_map_over_a_column_that_the_file_has_is_refused(lake: Lake, tmp_path: Path) -> None:
    file = text(tmp_path / "e.csv", "uid,item_id,user_id", "u,i,not me")
    with pytest.raises(DataError, match=r"column user_id itself beside uid.*--map OTHER=user_id"):
        run(lake, events=file, mapping={"user_id": "uid"})
    run(lake, events=file, mapping={"user_id": "uid", "account": "user_id"})
    assert rows(lake, "events", "user_id", "account") == [("u", "not me")]


def test_a_column_without_a_name_is_left_out(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=text(tmp_path / "e.csv", ",user_id,item_id,", "0,u,i,x"))
    run(lake, items=parquet(tmp_path / "i.parquet", **{"": [0], "item_id": ["i"]}))
    assert "" not in lake.read("events").column_names
    assert lake.read("items").column_names == ["item_id"]


def test_an_unknown_number_that_is_nan_again_is_no_change(lake: Lake, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "i.jsonl", {"item_id": "i", "weight": float("nan"), "vector": [0.5, float("nan")]})
    assert [run(lake, items=file).added["items"] for _ in range(2)] == [1, 0]
    other = jsonl(tmp_path / "j.jsonl", {"item_id": "i", "weight": 1.5, "vector": [0.5, float("nan")]})
    assert run(lake, items=other).added["items"] == 1


def test_a_description_may_be_a_book(lake: Lake, tmp_path: Path) -> None:
    book = "字" * 140_000
    run(lake, items=text(tmp_path / "i.csv", "item_id,description", f'i,"{book}"'))
    assert rows(lake, "items", "description") == [book]


def test_space_around_an_id_is_no_part_of_it(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=text(tmp_path / "e.csv", "user_id,item_id", " u ,i", "u,\ti "))
    assert rows(lake, "events", "user_id", "item_id") == [("u", "i"), ("u", "i")]


def test_a_map_serves_the_files_that_have_its_column(lake: Lake, tmp_path: Path) -> None:
    events = text(tmp_path / "e.csv", "uid,item_id", "u,i")
    run(lake, events=events, items=text(tmp_path / "i.csv", "item_id", "i"), mapping={"user_id": "uid"})
    assert rows(lake, "events", "user_id") == ["u"]


def test_unknown_columns_are_kept(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=text(tmp_path / "e.csv", "user_id,item_id,city", "u,i,Xi'an"))
    run(
        lake,
        items=jsonl(
            tmp_path / "i.jsonl",
            {"item_id": "i", "vector": [0.5, 1], "crew": {"director": "Chen"}, "seen": 3},
            {"item_id": "j", "vector": [], "seen": 0.5},
        ),
    )
    assert rows(lake, "events", "city") == ["Xi'an"]
    assert rows(lake, "items", "vector", "crew", "seen") == [
        ([0.5, 1.0], '{"director": "Chen"}', 3.0),
        ([], None, 0.5),
    ]


def test_an_unknown_column_keeps_the_type_it_had_first(lake: Lake, tmp_path: Path) -> None:
    run(lake, events=parquet(tmp_path / "a.parquet", user_id=["u"], item_id=["i"], screen=[3]))
    report = run(lake, events=text(tmp_path / "b.csv", "user_id,item_id,screen", "v,i,4", "w,i,wide"))
    assert rows(lake, "events", "screen") in ([3, 4], [4, 3])
    assert report.quarantined == {"screen has the wrong type": 1}


def test_a_later_file_without_a_column_leaves_it(lake: Lake, tmp_path: Path) -> None:
    run(lake, items=text(tmp_path / "a.csv", "item_id,title,labels", "i,Old,safe"))
    run(lake, items=text(tmp_path / "b.csv", "item_id,title", "i,New", "j,Other"))
    assert rows(lake, "items", "item_id", "title", "labels") == [("i", "New", ["safe"]), ("j", "Other", None)]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("name", ["e.csv", "e.tsv", "e.jsonl", "e.parquet"])
def test_compressed_files_are_read(lake: Lake, tmp_path: Path, name: str, suffix: str) -> None:
    plain = tmp_path / name
    match plain.suffix:
        case ".jsonl":
            jsonl(plain, {"user_id": "u", "item_id": "i"})
        case ".parquet":
            parquet(plain, user_id=["u"], item_id=["i"])
        case ".csv":
            text(plain, "user_id,item_id", "u,i")
        case ".tsv":
            text(plain, "user_id\titem_id", "u\ti")
    packed = gzip.compress if suffix == ".gz" else zstandard.ZstdCompressor().compress
    file = tmp_path / (name + suffix)
    file.write_bytes(packed(plain.read_bytes()))
    assert run(lake, events=file).added == {"events": 1}
    assert rows(lake, "events", "user_id", "item_id") == [("u", "i")]


def test_progress_counts_every_record_of_every_table(lake: Lake, tmp_path: Path) -> None:
    seen: dict[str, int] = {}

    def progress(table: str, count: int) -> None:
        seen[table] = seen.get(table, 0) + count

    events = parquet(tmp_path / "e.parquet", user_id=list(range(70_000)), item_id=[1] * 70_000)
    run(lake, events=events, items=text(tmp_path / "i.csv", "item_id", "i", '""'), progress=progress)
    assert seen == {"items": 2, "events": 70_000}
