from datetime import UTC, datetime
from types import SimpleNamespace

import ibis
import pytest
from ibis.backends.sql.compilers import PySparkCompiler

from recsys.prepare import events as prepared
from recsys.prepare.spec import EventRule

NAN = float("nan")


def minute(m):
    return None if m is None else datetime.fromtimestamp(60 * m, UTC)


@pytest.fixture
def engine():
    connection = ibis.duckdb.connect(threads=1)
    yield connection
    connection.disconnect()


def log(engine, rows, **given):
    """Events of (user, item, minute) or of dicts, conformed."""
    names = ("event_id", "user_id", "item_id", "kind", "timestamp", "order", "value", "session_id")
    full = []
    for place, row in enumerate(rows):
        row = row if isinstance(row, dict) else dict(zip(("user_id", "item_id", "timestamp"), row, strict=False))
        row = {"event_id": f"e{place}", "user_id": "u", "item_id": "i", "kind": "view", **row}
        row["timestamp"] = minute(row.get("timestamp"))
        full.append({name: row.get(name) for name in names})
    columns = {name: [row[name] for row in full] for name in names}
    types = {**prepared.COLUMNS}
    table = ibis.memtable(columns, schema=ibis.schema(types))
    return engine.create_table("log", prepared.conform(table), temp=True)


def answer(expression, *columns, by="event_id"):
    table = expression.order_by(by).select(*columns).to_pyarrow()
    return list(zip(*(table[name].to_pylist() for name in columns), strict=True))


def test_a_log_without_optional_columns_gets_them_as_nulls(engine):
    table = ibis.memtable({"event_id": ["e"], "user_id": ["u"], "item_id": ["i"]})
    row = engine.to_pyarrow(prepared.conform(table)).to_pylist()[0]
    assert (row["kind"], row["timestamp"], row["order"], row["value"], row["session_id"]) == (
        "view",
        None,
        None,
        None,
        None,
    )


def test_a_value_that_is_no_number_becomes_unknown(engine):
    events = log(engine, [{"value": NAN}, {"value": float("inf")}, {"value": 2.0}])
    assert answer(events, "value") == [(None,), (None,), (2.0,)]


def test_an_event_id_is_kept_once_and_its_earliest_event_stays(engine):
    events = log(engine, [{"event_id": "e", "timestamp": 9}, {"event_id": "e", "timestamp": 4}])
    assert answer(prepared.unique(events), "timestamp") == [(minute(4),)]


def test_a_repeat_with_an_id_of_its_own_stays(engine):
    events = log(engine, [("u", "i", 1), ("u", "i", 1)])
    assert len(answer(prepared.unique(events), "event_id")) == 2


def test_one_pass_drops_users_and_items_with_too_few_events(engine):
    events = log(engine, [("u", "a"), ("u", "b"), ("v", "a"), ("v", "a"), ("w", "b")])
    kept = prepared.among(events, prepared.frequent(prepared.pairs(events), 2, 3))
    assert answer(kept, "user_id", "item_id") == [("u", "a"), ("v", "a"), ("v", "a")]


def test_events_weigh_and_are_liked_by_the_rule_of_their_kind(engine):
    events = log(
        engine,
        [{"kind": "rating", "value": 4.0}, {"kind": "rating", "value": None}, {"kind": "share"}, {"kind": "skip"}],
    )
    rules = {
        "rating": EventRule(positive="value >= 4"),
        "share": EventRule(weight=3),
        "skip": EventRule(weight=0.1, positive="false"),
    }
    assert answer(prepared.weighed(events, rules), "weight", "positive") == [
        (1.0, True),
        (1.0, False),
        (3.0, True),
        (0.1, False),
    ]


def test_a_session_ends_after_a_gap_longer_than_the_given_one(engine):
    events = log(engine, [("u", "a", 0), ("u", "b", 30), ("u", "c", 61), ("v", "a", 62)])
    assert answer(prepared.sessions(events, 30), "session") == [(0,), (0,), (1,), (0,)]


def test_a_session_follows_its_id_and_not_the_gap(engine):
    rows = [(0, "s"), (500, "s"), (501, "t"), (502, None), (600, None)]
    events = log(engine, [{"timestamp": m, "session_id": s} for m, s in rows])
    assert answer(prepared.sessions(events, 30), "session") == [(0,), (0,), (1,), (2,), (3,)]


def test_events_without_times_are_one_session_before_the_timed_ones(engine):
    events = log(engine, [{"timestamp": 5}, {"order": 2}, {"order": 1}])
    assert answer(prepared.sessions(events, 30), "session") == [(1,), (0,), (0,)]


def test_events_come_by_user_then_time_then_order_then_id(engine):
    rows = [{"timestamp": 5}, {"timestamp": 5, "order": 1}, {"timestamp": 3}, {"order": 7}, {"timestamp": 5}]
    events = log(engine, [{**row, "item_id": str(place)} for place, row in enumerate(rows)])
    users = ibis.memtable({"user_id": ["u"], "user": [0]})
    items = ibis.memtable({"item_id": [str(n) for n in range(5)], "item": range(5)})
    indexed = prepared.sessions(prepared.dense(prepared.weighed(events, {}), users, items), 30, by="user")
    assert engine.to_pyarrow(prepared.ordered(indexed))["item"].to_pylist() == [3, 2, 0, 4, 1]


def test_the_same_expressions_are_also_spark_sql(monkeypatch):
    # Spark's options exist only where pyspark is installed; its compiler works without
    options = SimpleNamespace(pyspark=SimpleNamespace(treat_nan_as_null=False))
    monkeypatch.setattr("ibis.backends.sql.compilers.pyspark.options", options)
    raw = ibis.table(prepared.COLUMNS, name="log")
    users = ibis.table({"user_id": "string", "user": "int32"}, name="users")
    items = ibis.table({"item_id": "string", "item": "int32"}, name="items")
    once = prepared.unique(prepared.conform(raw))
    kept = prepared.among(once, prepared.frequent(prepared.pairs(once), 2, 2))
    indexed = prepared.dense(prepared.weighed(kept, {"rating": EventRule(positive="value >= 4")}), users, items)
    whole = prepared.ordered(prepared.sessions(indexed, 30, by="user"))
    text = PySparkCompiler().to_sqlglot(whole).sql("spark")
    assert "LAG(" in text
    assert "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW" in text
