"""Whoever was erased does not come back with an old file, and may come back with new events."""

import math
import threading
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import recsys.lake.lake as lake_module
from recsys.errors import ConfigError, StoreError
from recsys.lake import Lake, ingest
from recsys.lake.tombstones import tombstones

TIME = pa.timestamp("us", tz="UTC")
AT = 1_700_000_000.0  # s, the erasure
FILE = (
    "event_id,user_id,item_id,timestamp",
    f"old,ann-4711,i,{AT - 1:.0f}",
    f"same,ann-4711,i,{AT:.0f}",
    "undated,ann-4711,i,",
    f"other,bob,i,{AT - 1:.0f}",
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def file(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def events(*rows: tuple[str, str, float | None]) -> pa.Table:
    """Rows of (event id, user, second)."""
    ids, users, seconds = zip(*rows, strict=True)
    times = pa.array([None if at is None else round(at * 1e6) for at in seconds], pa.int64()).cast(TIME)
    constant = {"item_id": ["i"] * len(rows), "kind": ["view"] * len(rows)}
    return pa.table({"event_id": ids, "user_id": users, "timestamp": times} | constant)


def users_of(lake: Lake, name: str = "events") -> list[str]:
    return sorted(lake.read(name)["user_id"].to_pylist()) if lake.has(name) else []


def holding(root: Path, text: str) -> list[Path]:
    """Files that hold a text as bytes or, in Parquet, as a value."""
    files = [path for path in root.rglob("*") if path.is_file()]
    tables = [path for path in files if path.suffix == ".parquet"]
    plain = [path for path in files if text.encode() in path.read_bytes()]
    return plain + [path for path in tables if text in str(pq.read_table(path).to_pylist())]


def test_the_same_file_after_an_erasure_brings_nobody_back_and_says_how_many_rows_stayed_out(
    lake: Lake, tmp_path: Path
) -> None:
    log = file(tmp_path / "e.csv", *FILE)
    assert ingest(lake, events=log).added == {"events": 4}
    assert lake.erase(["ann-4711"]) == {"events": 3}
    for _ in range(2):
        report = ingest(lake, events=log)
        assert (report.added, report.quarantined) == ({"events": 0}, {"erased": 3})
    assert users_of(lake) == ["bob"]
    assert holding(tmp_path / "lake", "ann-4711") == []
    assert holding(tmp_path / "lake", "bob") != []


def test_an_event_after_the_erasure_comes_in_and_one_of_the_same_moment_does_not(lake: Lake) -> None:
    lake.erase(["u"], at=AT)
    rows = events(("before", "u", AT - 1), ("same", "u", AT), ("undated", "u", None), ("after", "u", AT + 1e-6))
    assert lake.append("events", rows) == 1
    assert lake.read("events")["event_id"].to_pylist() == ["after"]


def test_the_time_of_an_erasure_is_now_by_default(lake: Lake) -> None:
    now = datetime.now(UTC).timestamp()
    lake.erase(["u"])
    assert lake.append("events", events(("before", "u", now - 1), ("after", "u", now + 3600))) == 1


def test_a_second_erasure_moves_the_moment_and_an_older_one_does_not(lake: Lake) -> None:
    for at in (100.0, 200.0, 150.0):
        lake.erase(["u"], at=at)
    assert lake.append("events", events(("1", "u", 200.0), ("2", "u", 201.0))) == 1


def test_an_erasure_in_a_lake_that_does_not_exist_yet_counts_when_it_does(lake: Lake) -> None:
    assert lake.erase(["u"], at=AT) == {}
    assert lake.versions() == {}
    assert lake.append("events", events(("1", "u", AT - 1), ("2", "v", AT - 1))) == 1


def test_the_key_is_made_once_and_differs_between_lakes(tmp_path: Path) -> None:
    one, other = Lake(tmp_path / "one"), Lake(tmp_path / "other")
    one.erase(["u"], at=1.0)
    first = tombstones(one.root)
    one.erase(["v"], at=2.0)
    other.erase(["u"], at=1.0)
    assert tombstones(one.root).key == first.key != tombstones(other.root).key
    assert tombstones(one.root).times.keys() & tombstones(other.root).times.keys() == set()
    assert sorted(tombstones(one.root).times.values()) == [1_000_000, 2_000_000]


def test_a_table_of_erasures_without_its_key_is_refused(lake: Lake) -> None:
    lake.erase(["u"], at=1.0)
    log = next(Path(lake.root, "erasures", "_delta_log").glob("*.json"))
    log.write_text(log.read_text().replace(tombstones(lake.root).key.hex(), "gone"))
    with pytest.raises(StoreError, match="lost its key"):
        lake.append("events", events(("1", "u", 1.0)))


def test_nobody_erased_writes_no_table_of_erasures(lake: Lake) -> None:
    lake.append("events", events(("1", "u", 1.0)))
    lake.erase([])
    assert not Path(lake.root, "erasures").exists()


@pytest.mark.parametrize("at", [math.nan, math.inf])
def test_an_erasure_without_a_moment_is_refused_and_removes_nothing(lake: Lake, at: float) -> None:
    lake.append("events", events(("1", "u", 1.0)))
    with pytest.raises(ConfigError, match="seconds since 1970"):
        lake.erase(["u"], at=at)
    assert users_of(lake) == ["u"]


def test_a_kill_before_the_rewrite_is_repaired_by_repeating(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    lake.append("events", events(("1", "ann-4711", 1.0), ("2", "v", 1.0)))
    with monkeypatch.context() as patch:
        patch.setattr(lake_module, "erase_users", killed)
        with pytest.raises(KeyboardInterrupt):
            lake.erase(["ann-4711"], at=AT)
    assert lake.append("events", events(("3", "ann-4711", 2.0))) == 0
    assert users_of(lake) == ["ann-4711", "v"]
    assert lake.erase(["ann-4711"], at=AT) == {"events": 1}
    assert holding(Path(lake.root), "ann-4711") == []


def test_a_bad_row_of_an_erased_user_is_counted_and_kept_nowhere(lake: Lake, tmp_path: Path) -> None:
    log = file(tmp_path / "e.csv", "user_id,item_id", "ann-4711,", "bob,", "ann-4711,i")
    lake.erase(["ann-4711"])
    assert ingest(lake, events=log).quarantined == {"erased": 2, "item_id is missing": 1}
    assert users_of(lake, "quarantine") == ["bob"]
    assert holding(tmp_path / "lake", "ann-4711") == []


def test_a_line_that_cannot_be_read_stays_out_if_it_names_an_erased_user(lake: Lake, tmp_path: Path) -> None:
    lines = ('{"user_id": "ann-4711", ', '{"user_id": "ann-47110", ', '{"user_id": 7, "item_id": null}')
    lake.erase(["ann-4711"])
    report = ingest(lake, events=file(tmp_path / "e.jsonl", *lines))
    assert report.quarantined["erased"] == 1
    assert sum(report.quarantined.values()) == 3
    kept = lake.read("quarantine")["record"].to_pylist()
    assert sorted("ann-4711" in record for record in kept) == [False, True]
    assert all("ann-47110" in record for record in kept if "ann-4711" in record)


def test_a_profile_of_an_erased_user_stays_out_until_the_user_is_back(lake: Lake, tmp_path: Path) -> None:
    profiles = file(tmp_path / "u.csv", "user_id,age", "ann-4711,30", "bob,40")
    ingest(lake, users=profiles)
    lake.erase(["ann-4711"], at=AT)
    report = ingest(lake, users=profiles)
    assert (report.added, report.quarantined) == ({"users": 0}, {"erased": 1})
    lake.append("events", events(("old", "ann-4711", AT)))
    assert lake.append("users", pa.table({"user_id": ["ann-4711"], "age": ["31"]})) == 0
    assert holding(tmp_path / "lake", "ann-4711") == []
    new = file(tmp_path / "e.csv", "user_id,item_id,timestamp", f"ann-4711,i,{AT + 1:.0f}")
    assert ingest(lake, users=profiles, events=new).added == {"users": 1, "events": 1}
    assert users_of(lake, "users") == ["ann-4711", "bob"]


def test_only_erased_profiles_make_no_table(lake: Lake) -> None:
    lake.erase(["u"])
    assert lake.append("users", pa.table({"user_id": ["u"], "age": ["30"]})) == 0
    assert lake.versions() == {}


def test_a_user_who_is_erased_while_a_file_is_read_stays_out(lake: Lake, tmp_path: Path) -> None:
    def erase(table: str, rows: int) -> None:
        lake.erase(["ann-4711"])

    report = ingest(lake, events=file(tmp_path / "e.csv", *FILE), progress=erase)
    assert (report.added, report.quarantined) == ({"events": 1}, {"erased": 3})
    assert holding(tmp_path / "lake", "ann-4711") == []


def test_files_that_come_in_while_a_user_is_erased_leave_nothing_of_the_user(lake: Lake, tmp_path: Path) -> None:
    logs = []
    for number in range(8):
        rows = (f"{number}-{row},{user},i,{AT - 1:.0f}" for row, user in enumerate(["ann-4711", "bob"]))
        logs.append(file(tmp_path / f"{number}.csv", FILE[0], *rows))
    threads = [threading.Thread(target=lambda log=log: ingest(Lake(lake.root), events=log)) for log in logs]
    threads.insert(4, threading.Thread(target=lake.erase, args=(["ann-4711"],)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert users_of(lake) == ["bob"] * 8
    assert holding(tmp_path / "lake", "ann-4711") == []


def test_other_tables_know_nothing_of_erasures(lake: Lake) -> None:
    lake.erase(["i"])
    assert lake.append("items", pa.table({"item_id": ["i"], "user_id": ["i"]})) == 1
    with pytest.raises(ConfigError, match="no table 'erasures'"):
        lake.read("erasures")
