import shutil
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.errors import ConfigError, DataError, StoreError
from recsys.lake import Lake


def events(*rows: tuple[str, str, str], **more: object) -> pa.Table:
    ids, users, items = zip(*rows, strict=True)
    return pa.table({"event_id": ids, "user_id": users, "item_id": items, "kind": ["view"] * len(rows)} | more)


def by_id(table: pa.Table, key: str, column: str) -> dict[str, object]:
    return dict(zip(table[key].to_pylist(), table[column].to_pylist(), strict=True))


def parquet_texts(root: Path) -> list[str]:
    return [str(pq.read_table(file).to_pylist()) for file in root.rglob("*.parquet")]


def test_looking_at_a_lake_creates_nothing(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    assert (lake.versions(), lake.has("events")) == ({}, False)
    assert not (tmp_path / "lake").exists()


def test_an_event_id_that_is_known_is_not_added_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert lake.append("events", events(("a", "u", "i"), ("b", "u", "i"))) == 2
    assert lake.append("events", events(("b", "u", "j"), ("c", "u", "j"))) == 1
    assert by_id(lake.read("events"), "event_id", "item_id") == {"a": "i", "b": "i", "c": "j"}


def test_an_event_id_that_comes_twice_at_once_counts_with_its_first_row(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert lake.append("events", events(("a", "u", "first"), ("a", "u", "second"))) == 1
    assert lake.read("events")["item_id"].to_pylist() == ["first"]


def test_nothing_new_makes_no_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    item = pa.table({"item_id": ["i"], "genres": [["Drama"]]})
    for _ in range(2):
        lake.append("events", events(("a", "u", "i")))
        lake.append("items", item)
    assert lake.versions() == {"events": 0, "items": 0}
    assert lake.append("items", item) == 0


def test_events_have_all_known_columns_and_keep_unknown_ones(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("events", events(("a", "u", "i")))
    lake.append("events", events(("b", "u", "i"), **{"odd name; it is": [7]}))
    table = lake.read("events")
    assert table.schema.field("timestamp").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("order").type == pa.int64()
    assert by_id(table, "event_id", "odd name; it is") == {"a": None, "b": 7}


def test_a_version_stays_as_it_was(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("items", pa.table({"item_id": ["i"], "title": ["Old"]}))
    lake.append("items", pa.table({"item_id": ["i"], "title": ["New"]}))
    assert lake.read("items", 0)["title"].to_pylist() == ["Old"]
    assert lake.read("items", 1)["title"].to_pylist() == ["New"]
    assert pq.read_table(lake.files("items", 0)[0])["title"].to_pylist() == ["Old"]


def test_an_upsert_without_a_column_leaves_that_column_as_it_was(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("items", pa.table({"item_id": ["i", "j"], "title": ["I", "J"], "tags": [["x"], None]}))
    changed = lake.append("items", pa.table({"item_id": ["j", "k"], "title": ["J2", "K"], "labels": [["safe"], None]}))
    table = lake.read("items")
    assert changed == 2
    assert by_id(table, "item_id", "title") == {"i": "I", "j": "J2", "k": "K"}
    assert by_id(table, "item_id", "tags") == {"i": ["x"], "j": None, "k": None}
    assert by_id(table, "item_id", "labels") == {"i": None, "j": ["safe"], "k": None}


def test_items_have_only_the_columns_that_some_rows_had(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("items", pa.table({"item_id": ["i"], "title": ["I"]}))
    assert lake.read("items").column_names == ["item_id", "title"]


def test_a_null_in_an_upsert_takes_the_value_away(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("items", pa.table({"item_id": ["i"], "title": ["I"]}))
    assert lake.append("items", pa.table({"item_id": ["i"], "title": pa.nulls(1, pa.string())})) == 1
    assert lake.read("items")["title"].to_pylist() == [None]


def test_an_id_that_comes_twice_in_an_upsert_counts_with_its_last_row(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert lake.append("users", pa.table({"user_id": ["u", "v", "u"], "age": [1, 2, 3]})) == 2
    assert by_id(lake.read("users"), "user_id", "age") == {"u": "3", "v": "2"}


def test_numbers_of_users_become_text(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("users", pa.table({"user_id": ["u"], "age": [24]}))
    assert lake.read("users").to_pylist() == [{"user_id": "u", "age": "24"}]


def test_writers_at_the_same_time_add_every_event_once(tmp_path: Path) -> None:
    def write(number: int) -> None:
        rows = events(("shared", "u", "i"), (f"own {number}", "u", "i"))
        added.append(Lake(tmp_path).append("events", rows))

    added: list[int] = []
    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(added) == 7
    assert sorted(Lake(tmp_path).read("events")["event_id"].to_pylist()) == [*(f"own {n}" for n in range(6)), "shared"]


def test_erasure_leaves_the_user_in_no_file_of_any_version(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("events", events(("a", "erased-one", "i"), ("b", "kept", "i")))
    lake.append("events", events(("c", "erased-one", "i")))
    lake.compact()
    lake.append("users", pa.table({"user_id": ["erased-one", "kept"], "age": ["1", "2"]}))
    lake.append("decisions", pa.table({"decision_id": ["d", "e"], "user_id": ["erased-one", "kept"]}))
    assert lake.erase(["erased-one"]) == {"events": 2, "users": 1, "decisions": 1}
    assert parquet_texts(tmp_path)
    assert not [text for text in parquet_texts(tmp_path) if "erased-one" in text]
    assert lake.read("events")["event_id"].to_pylist() == ["b"]
    assert lake.read("users")["user_id"].to_pylist() == ["kept"]


def test_erasure_writes_no_id_into_any_log(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("events", events(("a", "erased-one", "i"), ("b", "kept", "i")))
    lake.erase(["erased-one"])
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and b"erased-one" in file.read_bytes()]


def test_erasure_takes_what_a_killed_writer_left(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("events", events(("a", "kept", "i")))
    pq.write_table(events(("b", "erased-one", "i")), tmp_path / "events" / "part-never-committed.parquet")
    assert lake.erase(["erased-one"]) == {"events": 0}
    assert not [text for text in parquet_texts(tmp_path) if "erased-one" in text]


def test_erasure_finds_a_user_in_a_quarantined_record_that_could_not_be_read(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    records = [
        '{"line": "{\\"user_id\\": \\"ann\\", "}',
        '{"line": "{\\"user_id\\": \\"anna\\", "}',
        '{"user_id": "ann"}',
    ]
    lake.append("quarantine", pa.table({"row_id": ["1", "2", "3"], "user_id": [None, None, "ann"], "record": records}))
    assert lake.erase(["ann"]) == {"quarantine": 2}
    assert lake.read("quarantine")["row_id"].to_pylist() == ["2"]


def test_a_version_from_before_an_erasure_says_that_it_is_gone(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("events", events(("a", "u", "i"), ("b", "v", "i")))
    lake.erase(["u"])
    with pytest.raises(StoreError, match="went with an erasure"):
        lake.read("events", 0)


def test_erasing_everybody_leaves_a_table_without_rows(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("events", events(("a", "u", "i")))
    lake.erase(["u"])
    assert lake.read("events").num_rows == 0
    assert lake.append("events", events(("b", "v", "i"))) == 1


def test_compaction_merges_files_and_keeps_old_versions(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for number in range(3):
        lake.append("events", events((str(number), "u", "i")))
    before = lake.versions()["events"]
    lake.compact()
    assert len(lake.files("events")) == 1
    assert lake.read("events", before).num_rows == lake.read("events").num_rows == 3


def test_a_lake_without_the_table_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no table events; fill it with recsys ingest"):
        Lake(tmp_path).read("events")


def test_a_version_that_never_was_is_a_data_error(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("events", events(("a", "u", "i")))
    with pytest.raises(DataError, match="has no version 9 of events"):
        lake.read("events", 9)


def test_a_table_that_no_lake_has_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no table 'evnets'"):
        Lake(tmp_path).append("evnets", events(("a", "u", "i")))


def test_rows_without_a_needed_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column item_id"):
        Lake(tmp_path).append("events", pa.table({"event_id": ["a"], "user_id": ["u"]}))


def test_a_null_id_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    rows = pa.table({"event_id": ["a"], "user_id": pa.nulls(1, pa.string()), "item_id": ["i"], "kind": ["view"]})
    with pytest.raises(DataError, match="1 rows for the table events have no user_id"):
        Lake(tmp_path).append("events", rows)
    assert Lake(tmp_path).versions() == {}


def test_a_column_that_does_not_convert_names_both_types(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("events", events(("a", "u", "i"), score=[1]))
    with pytest.raises(DataError, match="column score is string here and int64 in the lake"):
        lake.append("events", events(("b", "u", "i"), score=["high"]))
    assert lake.versions() == {"events": 0}


def test_columns_that_differ_in_case_only_are_refused(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("items", pa.table({"item_id": ["i"], "Title": ["I"]}))
    with pytest.raises(DataError, match="differ in case only"):
        lake.append("items", pa.table({"item_id": ["i"], "title": ["I"]}))


@pytest.mark.parametrize("folder", ["two words", "数据湖", "a#b?c"])
def test_a_lake_lies_in_a_folder_of_any_name(tmp_path: Path, folder: str) -> None:
    lake = Lake(tmp_path / folder)
    lake.append("events", events(("a", "erased-one", "i"), ("b", "kept", "i")))
    assert pq.read_table(lake.files("events")[0]).num_rows == 2
    lake.erase(["erased-one"])
    assert not [text for text in parquet_texts(tmp_path) if "erased-one" in text]
    assert pq.read_table(lake.files("events")[0]).num_rows == 1


@pytest.mark.parametrize("folder", ["100%25", "a[b", "a]b", "a^b", "a|b", "a\\b", "a\nb"])
def test_a_folder_name_that_delta_misreads_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(ConfigError, match="Delta cannot read .* in a path"):
        Lake(tmp_path / folder)


def test_a_place_that_delta_misreads_is_refused_under_a_relative_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a[b").mkdir()
    monkeypatch.chdir(tmp_path / "a[b")
    with pytest.raises(ConfigError, match="another folder name"):
        Lake("lake")


def test_a_table_has_an_id_that_lasts_until_it_is_made_anew(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.append("items", pa.table({"item_id": ["i"]}))
    first = lake.ids()
    lake.append("items", pa.table({"item_id": ["i"], "title": ["I"]}))
    assert lake.ids() == first
    shutil.rmtree(tmp_path / "lake")
    lake.append("items", pa.table({"item_id": ["i"]}))
    assert lake.ids().keys() == first.keys()
    assert lake.ids() != first
