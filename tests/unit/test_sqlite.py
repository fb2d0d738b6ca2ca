"""What SQLite's own patience does not cover."""

import sqlite3
from contextlib import closing

import pytest

from serving.stores import sqlite


def opened(path):
    return closing(sqlite3.connect(path, isolation_level=None))


def test_a_file_that_another_connection_is_making_right_now_is_waited_for(tmp_path):
    with opened(tmp_path / "new.db") as other, opened(tmp_path / "new.db") as mine:
        other.execute("BEGIN IMMEDIATE")
        tries = []

        def asked(statement):
            if "journal_mode" in statement:
                tries.append(statement)
            if len(tries) == 3 and other.in_transaction:
                other.execute("ROLLBACK")

        mine.set_trace_callback(asked)
        sqlite.configure(mine, synchronous="FULL")
        assert mine.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_stays_locked_is_given_up_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 30)
    with opened(tmp_path / "held.db") as other, opened(tmp_path / "held.db") as mine:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite.configure(mine, synchronous="FULL")
