"""What an expression is after parsing, and its canonical text."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal as OneOf

Kind = OneOf["text", "number", "flag", "time", "list"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written. A time is whole microseconds since 1970 UTC."""

    value: str | int | float | bool
    kind: Kind


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the record, or the name that ``exists`` and ``all`` give to an element."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Size:
    """Code points of a text, elements of a list."""

    of: Field

    @property
    def kind(self) -> Kind:
        """A size is a number."""
        return "number"


Value = Field | Size


@dataclass(frozen=True, slots=True)
class Constant:
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag field that stands for itself."""

    field: Field


@dataclass(frozen=True, slots=True)
class Has:
    """Whether the record has a field at all."""

    field: Field


@dataclass(frozen=True, slots=True)
class Compare:
    """``left op right``, with a field on the left."""

    op: str
    left: Value
    right: Value | Literal


@dataclass(frozen=True, slots=True)
class OneIn:
    """A field's value among some literals."""

    value: Value
    among: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A text among the elements of a list field."""

    text: Literal
    field: Field


@dataclass(frozen=True, slots=True)
class Match:
    """``field.startsWith("part")`` and its like."""

    how: str
    field: Field
    part: str


@dataclass(frozen=True, slots=True)
class Elements:
    """``field.exists(name, body)`` or ``all``; the body knows the element alone."""

    how: str
    field: Field
    name: str
    body: "Node"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of an error, an error."""

    body: "Node"


@dataclass(frozen=True, slots=True)
class Joined:
    """Parts joined by ``&&`` or ``||``."""

    op: str
    parts: tuple["Node", ...]


Node = Constant | Flag | Has | Compare | OneIn | Member | Match | Elements | Not | Joined


def names(node: Node) -> Iterator[str]:
    """The record's fields that a node reads."""
    match node:
        case Flag(field) | Has(field) | Member(_, field) | Match(_, field, _) | Elements(_, field, _, _):
            yield field.name
        case Compare(_, left, right):
            yield _name(left)
            if not isinstance(right, Literal):
                yield _name(right)
        case OneIn(value, _):
            yield _name(value)
        case Not(body):
            yield from names(body)
        case Joined(_, parts):
            for part in parts:
                yield from names(part)
        case _:
            pass


def micros(moment: datetime) -> int:
    """Whole microseconds since 1970 UTC, exactly."""
    return (moment - EPOCH) // MICROSECOND


def _name(value: Value) -> str:
    return value.name if isinstance(value, Field) else value.of.name


def render(node: Node, record: str = "") -> str:
    """Canonical text. ``record`` is put before the names of fields: ``item.`` gives what a CEL runtime reads."""
    match node:
        case Constant(value):
            return "true" if value else "false"
        case Flag(field):
            return record + field.name
        case Has(field):
            return f"has({record}{field.name})"
        case Compare(op, left, right):
            return f"{_value(left, record)} {op} {_value(right, record)}"
        case OneIn(value, among):
            return f"{_value(value, record)} in [{', '.join(_value(one, record) for one in among)}]"
        case Member(text, field):
            return f"{_value(text, record)} in {record}{field.name}"
        case Match(how, field, part):
            return f"{record}{field.name}.{how}({_quoted(part)})"
        case Elements(how, field, name, body):
            return f"{record}{field.name}.{how}({name}, {render(body)})"
        case Not(body):
            inner = render(body, record)
            return f"!{inner}" if isinstance(body, Flag | Has | Constant | Match | Elements | Not) else f"!({inner})"
        case Joined(op, parts):
            return f" {op} ".join(_part(part, op, record) for part in parts)


def _part(node: Node, op: str, record: str) -> str:
    inner = render(node, record)
    return f"({inner})" if isinstance(node, Joined) and op == "&&" else inner


def _value(value: Value | Literal, record: str) -> str:
    match value:
        case Field(name, _):
            return record + name
        case Size(of):
            return f"size({record}{of.name})"
        case Literal(since, "time"):
            moment = (EPOCH + timedelta(microseconds=int(since))).isoformat().replace("+00:00", "Z")
            return f'timestamp("{moment}")'
        case Literal(str() as text, _):
            return _quoted(text)
        case Literal(bool() as flag, _):
            return "true" if flag else "false"
        case Literal(number, _):
            return repr(number)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
