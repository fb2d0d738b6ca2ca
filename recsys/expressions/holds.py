"""An expression about one record, in plain Python: the same meaning as over columns."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from recsys.expressions.columns import checked
from recsys.expressions.over import COMPARED
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
    micros,
)

Record = Mapping[str, object]
MATCHED: Mapping[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
}


def truth(node: Node, record: Record) -> bool | None:
    """Whether a condition is true or false; None where CEL has an error."""
    match node:
        case Constant(value):
            return value
        case Has(field):
            return _read(field, record) is not None
        case Elements(how, field, name, body):
            elements = _read(field, record)
            if elements is None:
                return None
            found = (bool(truth(body, {name: element})) for element in elements)
            return any(found) if how == "exists" else all(found)
        case Not(body):
            found_one = truth(body, record)
            return None if found_one is None else not found_one
        case Joined(op, parts):
            decisive = op == "||"  # one such part decides, whatever the others are
            answers = [truth(part, record) for part in parts]
            if decisive in answers:
                return decisive
            return None if None in answers else not decisive
        case _:
            return _of_values(node, record)


def _of_values(node: Flag | Compare | OneIn | Member | Match, record: Record) -> bool | None:
    value = _read(_asked(node), record)
    if value is None:
        return None
    match node:
        case Flag():
            return bool(value)
        case Compare(op, _, right):
            other = _read(right, record)
            return None if other is None else bool(COMPARED[op](value, other))
        case OneIn(_, among):
            return any(value == one.value for one in among)
        case Member(text, _):
            return text.value in value
        case Match(how, _, part):
            return MATCHED[how](value, part)


def _asked(node: Flag | Compare | OneIn | Member | Match) -> Value:
    match node:
        case Compare(_, value, _) | OneIn(value, _):
            return value
        case Flag(field) | Member(_, field) | Match(_, field, _):
            return field


def _read(value: Value | Literal, record: Record) -> Any:
    """A value as it is compared, None where it is unknown."""
    match value:
        case Literal(written, _):
            return written
        case Size(of):
            whole = _read(of, record)
            return None if whole is None else len(whole)
        case Field(name, kind):
            found = checked(record.get(name), kind)
            return micros(found) if isinstance(found, datetime) else found
