"""Expressions mean what they mean in CEL: random ones over random records, against the runtime of CEL itself."""

import re
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from cel_expr_python import cel
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError
from recsys.expressions import Columns, parse
from recsys.expressions.search import containing

RECORD = "§"  # before each field: `item.` for CEL, nothing for us
SCHEMA = pa.schema(
    [
        ("item_id", pa.string()),
        ("title", pa.string()),
        ("language", pa.string()),
        ("year", pa.int32()),
        ("rating", pa.float64()),
        ("free", pa.bool_()),
        ("available_from", pa.timestamp("us", tz="UTC")),
        ("embargo_until", pa.timestamp("us", tz="UTC")),
        ("genres", pa.list_(pa.string())),
        ("tags", pa.list_(pa.string())),
    ]
)
CEL = cel.NewEnv(variables={"item": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)})

PIECES = ["title", "year", "free", "genres", "has", "size", "timestamp", "exists", "startsWith", "in", "true", "null"]
PIECES += ["==", "!=", "<=", "&&", "||", "'a'", "1", "2.5", "x"]

words = st.sampled_from(["", "a", "ab", "b", "ba", "海", "新海", "Z", "\U0001f600", "a'b", 'a"b', "a\\b", "\n"])
moments = st.integers(-3, 3).map(lambda step: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=step))
records = st.fixed_dictionaries(
    {},
    optional={
        "title": words,
        "language": words,
        "year": st.integers(-2, 3),
        "rating": st.sampled_from([-1.5, -0.0, 0.0, 1.0, 2.5, float("inf")]),
        "free": st.booleans(),
        "available_from": moments,
        "embargo_until": moments,
        "genres": st.lists(words, max_size=3),
        "tags": st.lists(words, max_size=3),
    },
)


def quoted(word):
    return "'" + word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


texts = words.map(quoted)
numbers = st.sampled_from(["-2", "0", "1", "2", "- 1", "1.0", "2.5", "-1.5", ".5", "1e0", "2e-1"])
times = moments.map(lambda moment: f"timestamp('{moment.isoformat().replace('+00:00', 'Z')}')")
signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
equality = st.sampled_from(["==", "!="])
text_fields = st.sampled_from([RECORD + "title", RECORD + "language"])
list_fields = st.sampled_from([RECORD + "genres", RECORD + "tags"])
number_fields = st.sampled_from([RECORD + "year", RECORD + "rating"]) | st.builds(
    "size({})".format, text_fields | list_fields
)
time_fields = st.sampled_from([RECORD + "available_from", RECORD + "embargo_until"])
flags = st.sampled_from([RECORD + "free"])


def compared(fields, values, signs=signs):
    other = fields | values
    return st.builds("{} {} {}".format, fields, signs, other) | st.builds("{}{}{}".format, values, signs, fields)


def among(fields, values):
    return st.builds(lambda field, some: f"{field} in [{', '.join(some)}]", fields, st.lists(values, max_size=3))


def matched(fields):
    how = st.sampled_from(["startsWith", "endsWith", "contains"])
    return st.builds("{}.{}({})".format, fields, how, texts)


def joined(parts):
    return st.one_of(
        st.builds("{} && {}".format, parts, parts),
        st.builds("{} || {}".format, parts, parts),
        st.builds("{}&&{}||{}".format, parts, parts, parts),
        st.builds("({})".format, parts),
        st.builds("!({})".format, parts),
    )


element = st.just("x")
bodies = st.recursive(
    compared(element, texts) | among(element, texts) | matched(element) | compared(st.just("size(x)"), numbers),
    joined,
    max_leaves=3,
)
leaves = st.one_of(
    st.sampled_from(["true", "false", RECORD + "free", "!" + RECORD + "free"]),
    st.builds("has({})".format, text_fields | list_fields | time_fields | flags),
    compared(text_fields, texts),
    compared(number_fields, numbers),
    compared(time_fields, times),
    compared(flags, st.sampled_from(["true", "false"]), equality),
    among(text_fields, texts),
    among(number_fields, numbers),
    matched(text_fields),
    st.builds("{} in {}".format, texts, list_fields),
    st.builds("{}.{}(x, {})".format, list_fields, st.sampled_from(["exists", "all"]), bodies),
)
expressions = st.recursive(leaves, joined, max_leaves=6)


def by_cel(text, record):
    """What CEL says; an error is no match."""
    plain = dict(record)
    for name in ("available_from", "embargo_until"):
        if name in plain:
            plain[name] = Timestamp()
            plain[name].FromDatetime(record[name])
    # unchecked, because the checker refuses what the runtime knows: an int field compared with a double
    return CEL.compile(text.replace(RECORD, "item."), disable_check=True).eval(data={"item": plain}).value() is True


@settings(max_examples=400)
@given(text=expressions, works=st.lists(records, min_size=1, max_size=4))
def test_an_expression_is_true_of_what_cel_says_it_is_true_of(text, works):
    rows = [{"item_id": str(at), **work} for at, work in enumerate(works)]
    columns = Columns(Catalogue(pa.Table.from_pylist(rows, SCHEMA)))
    expression = parse(text.replace(RECORD, ""), columns.kinds)
    expected = [by_cel(text, work) for work in works]
    assert expression.over(columns).tolist() == expected
    assert [expression.holds(work) for work in works] == expected
    assert parse(expression.text, columns.kinds) == expression


@settings(max_examples=400)
@given(written=st.lists(st.sampled_from([*"()[],.!-<>", *PIECES]) | st.text(max_size=2), max_size=60))
def test_whatever_is_written_is_read_as_its_canonical_text_is_or_refused_with_the_place(written):
    text, fields = " ".join(written), {"title": "text", "year": "number", "free": "flag", "genres": "list"}
    try:
        expression = parse(text, fields)
    except ConfigError as error:
        place = re.match(r"filter, character (\d+): \S", str(error))
        assert place
        assert 1 <= int(place[1]) <= len(text) + 1
    else:
        assert parse(expression.text, fields) == expression


@given(
    values=st.lists(st.text("ab海", max_size=5), max_size=8), part=st.text("ab海", max_size=3), skip=st.integers(0, 2)
)
def test_a_part_is_found_in_the_texts_that_contain_it_and_not_across_their_borders(values, part, skip):
    found = containing(pa.array(values, pa.string())[skip:], part)
    assert found.tolist() == [part in value for value in values[skip:]]


@settings(max_examples=200)
@given(
    before=st.lists(records, min_size=1, max_size=4),
    added=st.lists(records, max_size=2),
    changed=st.dictionaries(st.integers(0, 3), records, max_size=2),
    text=expressions,
)
def test_columns_patched_are_those_of_the_catalogue_as_it_is_now(before, added, changed, text):
    changed = {at: work for at, work in changed.items() if at < len(before)}
    table = pa.Table.from_pylist([{"item_id": str(at), **work} for at, work in enumerate(before)], SCHEMA)
    columns = Columns(Catalogue(table)).patched(changed, added)
    now = [changed.get(at, work) for at, work in enumerate(before)] + added
    expression = parse(text.replace(RECORD, ""), columns.kinds)
    assert expression.over(columns).tolist() == [expression.holds(work) for work in now]
