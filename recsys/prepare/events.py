"""From raw to prepared events, as Ibis expressions that know no engine: the same on DuckDB and on Spark."""

from collections.abc import Mapping

import ibis
from ibis.expr.types import BooleanColumn, NumericColumn, Table, Value

from recsys.prepare.spec import ANY_EVENT, EventRule

COLUMNS = {
    "event_id": "string",
    "user_id": "string",
    "item_id": "string",
    "kind": "string",
    "timestamp": "timestamp('UTC')",
    "order": "int64",
    "value": "float64",
    "session_id": "string",
}


def conform(events: Table) -> Table:
    """The columns that preparing needs, absent ones as nulls; a value that is no number becomes null."""
    present = set(events.columns)
    columns = {name: events[name].cast(kind) if name in present else ibis.null(kind) for name, kind in COLUMNS.items()}
    events = events.select(**columns).filter(lambda t: t.user_id.notnull() & t.item_id.notnull())
    odd = events.value.isnan() | events.value.isinf()
    return events.mutate(kind=events.kind.fill_null("view"), value=odd.ifelse(ibis.null("float64"), events.value))


def chronology(events: Table) -> list[Value]:
    """Sort keys within a user: events without a time first, then by time, order, event id."""
    times = [ibis.asc(events.timestamp, nulls_first=True), ibis.asc(events.order, nulls_first=True)]
    return [*times, ibis.asc(events.event_id)]


def unique(events: Table) -> Table:
    """One event an event_id, the earliest; repeats under ids of their own are legitimate and stay."""
    keys = [*chronology(events), *(ibis.asc(events[name]) for name in ("user_id", "item_id", "kind"))]
    place = ibis.row_number().over(ibis.window(group_by="event_id", order_by=keys, rows=(None, 0)))
    return events.mutate(place=place).filter(lambda t: t.place == 0).drop("place")


def pairs(events: Table) -> Table:
    """How many events each pair of user and item has, as ``n``."""
    return events.group_by("user_id", "item_id").agg(n=lambda t: t.count())


def frequent(counted: Table, min_user_events: int, min_item_events: int) -> Table:
    """One pass over ``pairs``: those of users and of items that have enough events. Repeat until nothing changes."""
    users = counted.group_by("user_id").agg(n=lambda t: t.n.sum()).filter(lambda t: t.n >= min_user_events)
    items = counted.group_by("item_id").agg(n=lambda t: t.n.sum()).filter(lambda t: t.n >= min_item_events)
    return counted.semi_join(users, "user_id").semi_join(items, "item_id")


def among(events: Table, counted: Table) -> Table:
    """The events of these ``pairs``."""
    return events.semi_join(counted, ["user_id", "item_id"])


def scales(events: Table) -> Table:
    """Count, and lowest and highest value, of each kind."""
    return events.group_by("kind").agg(
        events=lambda t: t.count(), lowest=lambda t: t.value.min(), highest=lambda t: t.value.max()
    )


def weighed(events: Table, rules: Mapping[str, EventRule]) -> Table:
    """Adds ``weight`` and ``positive`` by the rule of the event's kind."""
    weight: Value = ibis.literal(ANY_EVENT.weight, "float64")
    positive: Value = _positive(ANY_EVENT, events.value)
    for kind, rule in sorted(rules.items()):
        here = events.kind == kind
        weight = here.ifelse(ibis.literal(rule.weight, "float64"), weight)
        positive = here.ifelse(_positive(rule, events.value), positive)
    return events.mutate(weight=weight, positive=positive)


def _positive(rule: EventRule, value: NumericColumn) -> BooleanColumn | Value:
    condition = rule.condition
    if condition.compare is None:
        return ibis.literal(condition.always)
    return condition.holds(value).fill_null(False)


def sessions(events: Table, gap_minutes: float, by: str = "user_id") -> Table:
    """Adds ``session``: 0, 1, … within each user (the column ``by``), in the order of events.

    A session ends when its session_id changes; where there are none, after a gap of more than ``gap_minutes``.
    A gap to or from an unknown time is unknown: it ends a session only where times begin.
    """
    window = ibis.window(group_by=by, order_by=chronology(events), rows=(None, 0))
    before = events.mutate(
        first=ibis.row_number().over(window) == 0,
        last_time=events.timestamp.lag().over(window),
        last_id=events.session_id.lag().over(window),
    )
    until = before.last_time + ibis.interval(microseconds=round(gap_minutes * 60_000_000))
    idle = ibis.coalesce(before.timestamp > until, before.timestamp.notnull() & before.last_time.isnull())
    named = before.session_id.notnull() | before.last_id.notnull()
    new = named.ifelse(ibis.coalesce(before.session_id != before.last_id, True), idle)
    marked = before.mutate(new=(new & ~before.first).cast("int32"))
    window = ibis.window(group_by=by, order_by=chronology(marked), rows=(None, 0))
    return marked.mutate(session=marked.new.sum().over(window)).drop("first", "last_time", "last_id", "new")


def dense(events: Table, users: Table, items: Table) -> Table:
    """Dense indices for external ids; ``users`` and ``items`` are (user_id, user) and (item_id, item)."""
    return events.inner_join(users, "user_id").inner_join(items, "item_id").drop("user_id", "item_id")


def ordered(events: Table) -> Table:
    """The exported columns, in the order of the data set."""
    columns = ("user", "item", "timestamp", "weight", "positive", "session")
    return events.order_by([ibis.asc(events.user), *chronology(events)]).select(*columns)
