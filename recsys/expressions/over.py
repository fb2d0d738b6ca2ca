"""An expression over whole columns. Truth has three values, held as two masks: surely true, surely false."""

import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recsys.errors import ConfigError
from recsys.expressions.columns import Column, Lists, Plain, Texts
from recsys.expressions.search import containing
from recsys.expressions.tree import (
    Compare,
    Constant,
    Elements,
    Field,
    Flag,
    Has,
    Joined,
    Literal,
    Match,
    Member,
    Node,
    Not,
    OneIn,
    Size,
    Value,
)
from recsys.types import BoolArray

Truth = tuple[BoolArray, BoolArray]  # (rows,) yes, (rows,) no; neither where CEL has an error
C = TypeVar("C", Texts, Plain, Lists)
Test = Callable[[Any], Any]  # an Arrow array of distinct texts to one of flags

COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TEXTUAL: Mapping[str, Callable[[Any, Any], Any]] = {  # by UTF-8 bytes, which is by code points
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
MATCHING: Mapping[str, Callable[[Any, str], Any]] = {
    "startsWith": lambda values, part: pc.starts_with(values, pattern=part),
    "endsWith": lambda values, part: pc.ends_with(values, pattern=part),
    "contains": containing,
}


class Rows(Protocol):
    """What an expression is asked of."""

    def __len__(self) -> int: ...

    def column(self, name: str) -> Column:
        """One field of every row."""
        ...


class _Elements:
    """The distinct elements of a list field, as rows with one field."""

    def __init__(self, name: str, values: Any) -> None:
        self._name = name
        self._texts = Texts(values, np.arange(len(values), dtype=np.int32))

    def __len__(self) -> int:
        return len(self._texts.codes)

    def column(self, name: str) -> Column:
        if name != self._name:
            raise KeyError(name)
        return self._texts


def truth(node: Node, rows: Rows) -> Truth:
    """Where a condition is surely true, and where surely false."""
    match node:
        case Constant(value):
            return np.full(len(rows), value), np.full(len(rows), not value)
        case Flag(field):
            plain = _plain(field, rows)
            return _split(plain.values, plain.known)
        case Has(field):
            known = _known(rows.column(field.name))
            return known, ~known
        case Compare(op, left, right):
            return _comparison(op, left, right, rows)
        case OneIn(value, among):
            return _one_in(value, among, rows)
        case Member(text, field):
            return _elements(_lists(field, rows), lambda values: pc.equal(values, text.value), every=False)
        case Match(how, field, part):
            return _tested(_texts(field, rows), lambda values: MATCHING[how](values, part))
        case Elements(how, field, name, body):
            lists = _lists(field, rows)
            yes, _ = truth(body, _Elements(name, lists.values))  # about an element nothing is unknown
            return _elements(lists, lambda _: yes, every=how == "all")
        case Not(body):
            yes, no = truth(body, rows)
            return no, yes
        case Joined(op, parts):
            found = [truth(part, rows) for part in parts]
            all_of, one_of = (np.logical_and, np.logical_or) if op == "&&" else (np.logical_or, np.logical_and)
            return reduce(all_of, [yes for yes, _ in found]), reduce(one_of, [no for _, no in found])


def _comparison(op: str, left: Value, right: Value | Literal, rows: Rows) -> Truth:
    if isinstance(left, Field) and left.kind == "text" and not isinstance(right, Size):  # which is no text
        texts = _texts(left, rows)
        if isinstance(right, Literal):
            return _tested(texts, lambda values: TEXTUAL[op](values, right.value))
        return _two_texts(op, texts, _texts(right, rows))
    plain = _plain(left, rows)
    if isinstance(right, Literal):
        return _split(COMPARED[op](plain.values, right.value), plain.known)
    other = _plain(right, rows)
    return _split(COMPARED[op](plain.values, other.values), plain.known & other.known)


def _one_in(value: Value, among: tuple[Literal, ...], rows: Rows) -> Truth:
    if isinstance(value, Field) and value.kind == "text":
        options = pa.array([one.value for one in among], pa.string())
        return _tested(_texts(value, rows), lambda values: pc.is_in(values, value_set=options))
    plain = _plain(value, rows)
    return _split(np.isin(plain.values, np.array([one.value for one in among], plain.values.dtype)), plain.known)


def _tested(texts: Texts, test: Test) -> Truth:
    """A test of each distinct text, told to the rows that have it."""
    return _split(_flags(test(texts.values))[texts.codes], texts.codes >= 0)


def _flags(answers: Any) -> BoolArray:
    """Flags of distinct values, and one behind them for the code -1."""
    plain = answers if isinstance(answers, np.ndarray) else answers.to_numpy(zero_copy_only=False)
    return np.append(np.asarray(plain, np.bool_), False)


def _two_texts(op: str, left: Texts, right: Texts) -> Truth:
    known = (left.codes >= 0) & (right.codes >= 0)
    first, second = (texts.values.take(pa.array(texts.codes[known])) for texts in (left, right))
    yes = np.zeros(len(known), np.bool_)
    yes[known] = TEXTUAL[op](first, second).to_numpy(zero_copy_only=False)
    return _split(yes, known)


def _elements(lists: Lists, test: Test, *, every: bool) -> Truth:
    """Whether the test holds for some element of each list, or for all."""
    hits = _flags(test(lists.values))[lists.codes]  # (elements,)
    before = np.concatenate([[0], np.cumsum(hits, dtype=np.int64)])
    sizes = np.maximum(lists.sizes, 0)
    count = before[lists.starts + sizes] - before[lists.starts]  # (rows,)
    return _split(count == sizes if every else count > 0, lists.sizes >= 0)


def _split(yes: BoolArray, known: BoolArray) -> Truth:
    return yes & known, ~yes & known


def _plain(value: Value, rows: Rows) -> Plain:
    """A number, flag or time, or a size as a number."""
    if isinstance(value, Field):
        return _read(value.name, rows, Plain)
    if value.of.kind == "list":
        lists = _lists(value.of, rows)
        return Plain(lists.sizes.astype(np.float64), lists.sizes >= 0)
    texts = _texts(value.of, rows)
    sizes = pc.utf8_length(texts.values).to_numpy(zero_copy_only=False)
    return Plain(np.append(sizes, 0).astype(np.float64)[texts.codes], texts.codes >= 0)


def _texts(field: Field, rows: Rows) -> Texts:
    return _read(field.name, rows, Texts)


def _lists(field: Field, rows: Rows) -> Lists:
    return _read(field.name, rows, Lists)


def _read(name: str, rows: Rows, shape: type[C]) -> C:
    column = rows.column(name)
    if not isinstance(column, shape):
        raise ConfigError(f"The field {name} is of another kind in these columns; parse the expression with theirs.")
    return column


def _known(column: Column) -> BoolArray:
    if isinstance(column, Plain):
        return column.known
    return np.asarray((column.codes if isinstance(column, Texts) else column.sizes) >= 0, np.bool_)
