"""From words to a tree by recursive descent, with every kind checked on the way."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from recsys.errors import ConfigError
from recsys.expressions.checks import TURNED, Mismatch, Null, Operand, comparison, condition, membership
from recsys.expressions.tokens import Source, Token
from recsys.expressions.tree import Elements, Field, Has, Joined, Kind, Literal, Match, Node, Not, Size, micros

MAX_DEPTH = 32  # of parentheses, negations and calls within each other
MAX_NODES = 500  # fields and values
MAX_SEARCHES = 16  # startsWith, endsWith and contains: each looks at every text of a column
MAX_WHOLE = 2**53  # beyond, a double no longer tells whole numbers apart
NAMED = 60  # known fields that an error lists

MATCHES = ("startsWith", "endsWith", "contains")
ELEMENTS = ("exists", "all")
FUNCTIONS = ("has", "size", "timestamp")
KEYWORDS = frozenset({"true", "false", "null", "in"})
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")


class Parser:
    """Reads one text. ``fields`` are the names that it may use, with their kinds."""

    def __init__(self, source: Source, fields: Mapping[str, Kind]) -> None:
        self._source = source
        self._fields = fields
        self._tokens = source.tokens()
        self._place = 0
        self._depth = 0
        self._nodes = 0
        self._searches = 0
        self._element = False  # whether ``fields`` is but the element of a list

    def whole(self) -> Node:
        """The condition that the text is."""
        node = self._condition()
        if self._token.kind != "end":
            raise self._unexpected("'&&', '||' or the end is")
        return node

    @property
    def _token(self) -> Token:
        return self._tokens[self._place]

    def _condition(self) -> Node:
        start = self._token
        return self._truth(start, self._expression())

    def _expression(self) -> Operand:
        return self._joined("||", lambda: self._joined("&&", self._relation))

    def _joined(self, op: str, part: Callable[[], Operand]) -> Operand:
        start = self._token
        first = part()
        if self._token.word != op:
            return first
        parts = [self._truth(start, first)]
        while self._taken(op):
            start = self._token
            parts.append(self._truth(start, part()))
        flat = [inner for one in parts for inner in (one.parts if isinstance(one, Joined) and one.op == op else (one,))]
        return Joined(op, tuple(flat))

    def _relation(self) -> Operand:
        left, sign = self._unary(), self._token
        if sign.word not in (*TURNED, "in"):
            return left
        self._place += 1
        right = self._unary()
        try:
            node = membership(left, right) if sign.word == "in" else comparison(left, sign.word, right)
        except Mismatch as error:
            raise self._wrong(sign, str(error)) from None
        if self._token.word in (*TURNED, "in"):
            raise self._unexpected("comparisons are joined by '&&', which")
        return node

    def _unary(self) -> Operand:
        start = self._token
        if self._taken("!"):
            self._deeper(start)
            node = Not(self._truth(start, self._unary()))
            self._depth -= 1
            return node
        if self._taken("-"):
            return self._number(self._token, -1)
        return self._primary()

    def _primary(self) -> Operand:
        token = self._token
        self._counted(token)
        self._deeper(token)
        operand = self._operand(token)
        self._depth -= 1
        return operand

    def _operand(self, token: Token) -> Operand:
        if token.kind == "number":
            return self._number(token, 1)
        if token.kind == "text":
            self._place += 1
            return Literal(self._source.unquoted(token), "text")
        if token.kind == "name":
            return self._named()
        if self._taken("("):
            inner = self._expression()
            self._close(")")
            return inner
        if self._taken("["):
            return self._list()
        raise self._unexpected("a field, a value, '!' or '(' is")

    def _number(self, token: Token, sign: int) -> Literal:
        if token.kind != "number":
            raise self._unexpected("a number is")
        self._place += 1
        if token.word.isdigit():
            if len(token.word) > 16 or int(token.word) > MAX_WHOLE:
                raise self._wrong(token, "this number is too large; whole numbers go to 2^53.")
            return Literal(sign * int(token.word), "number")
        value = float(token.word)
        if not math.isfinite(value):
            raise self._wrong(token, "this number is too large for a double.")
        return Literal(sign * value, "number")

    def _list(self) -> tuple[Literal, ...]:
        among: list[Literal] = []
        while not self._taken("]"):
            if among:
                self._close(",")
            token = self._token
            value = self._unary()
            if not isinstance(value, Literal):
                raise self._wrong(token, "a list holds values only, such as ['en', 'zh'].")
            if among and value.kind != among[0].kind:
                raise self._wrong(
                    token, f"a list holds values of one kind; this is a {value.kind}, not a {among[0].kind}."
                )
            among.append(value)
        return tuple(among)

    def _named(self) -> Operand:
        start = self._token
        self._place += 1
        if start.word in ("true", "false"):
            return Literal(start.word == "true", "flag")
        if start.word == "null":
            return Null()
        if start.word == "in":
            self._place -= 1
            raise self._unexpected("a field or a value is")
        if self._token.word == "(":
            return self._function(start)
        words = [start.word]
        while self._token.word == ".":
            self._place += 1
            step = self._token
            if step.kind != "name" or step.word in KEYWORDS:
                raise self._unexpected("a name is")
            self._place += 1
            if self._token.word == "(":
                return self._method(self._field(start, ".".join(words)), step)
            words.append(step.word)
        return self._field(start, ".".join(words))

    def _field(self, token: Token, name: str) -> Field:
        if name in self._fields:
            return Field(name, self._fields[name])
        known = ", ".join(sorted(self._fields)[:NAMED]) + (", …" if len(self._fields) > NAMED else "")
        if self._element:
            raise self._wrong(token, f"{name!r} is not known inside exists() and all(); only the element {known} is.")
        raise self._wrong(token, f"there is no field {name!r}; known are: {known or 'none'}.")

    def _function(self, token: Token) -> Operand:
        if token.word not in FUNCTIONS:
            raise self._wrong(token, f"there is no function {token.word!r}; known are: {', '.join(FUNCTIONS)}.")
        self._place += 1
        argument, inner = self._token, self._primary()
        self._close(")")
        if token.word == "timestamp":
            return self._time(argument, inner)
        if not isinstance(inner, Field):
            raise self._wrong(argument, f"{token.word}() is asked of a field.")
        if token.word == "has":
            if self._element:
                raise self._wrong(argument, "an element of a list is always there; has() is asked of fields.")
            return Has(inner)
        if inner.kind not in ("text", "list"):
            raise self._wrong(argument, f"size() is that of a text or a list; {inner.name} is a {inner.kind}.")
        return Size(inner)

    def _time(self, token: Token, inner: Operand) -> Literal:
        text = inner.value if isinstance(inner, Literal) else None
        if isinstance(text, str) and _RFC3339.fullmatch(text):
            try:
                return Literal(micros(datetime.fromisoformat(text.upper()).astimezone(UTC)), "time")
            except (ValueError, OverflowError):  # no such day, or before the year 1 in UTC
                pass
        raise self._wrong(token, 'write a time with its zone in quotes, such as timestamp("2026-01-31T00:00:00Z").')

    def _method(self, field: Field, token: Token) -> Operand:
        self._place += 1
        known = {"text": MATCHES, "list": ELEMENTS}.get(field.kind, ())
        if token.word not in known:
            allowed = f"known are: {', '.join(known)}" if known else "there are none"
            raise self._wrong(token, f"{field.name} is a {field.kind} and has no function {token.word!r}; {allowed}.")
        if field.kind == "list":
            return self._elements(field, token)
        argument, part = self._token, self._primary()
        self._close(")")
        if not isinstance(part, Literal) or not isinstance(part.value, str):
            raise self._wrong(argument, f"{token.word}() wants a text in quotes.")
        self._searches += 1
        if self._searches > MAX_SEARCHES:
            raise self._wrong(token, f"there are too many searches in texts; {MAX_SEARCHES} are made.")
        return Match(token.word, field, part.value)

    def _elements(self, field: Field, token: Token) -> Node:
        name = self._token
        if name.kind != "name" or name.word in KEYWORDS:
            raise self._unexpected(f"a name for an element, as in {field.name}.{token.word}(x, x == 'a'), is")
        self._place += 1
        self._close(",")
        outside, self._fields, self._element = self._fields, {name.word: "text"}, True
        body = self._condition()
        self._fields, self._element = outside, False
        self._close(")")
        return Elements(token.word, field, name.word, body)

    def _truth(self, start: Token, operand: Operand) -> Node:
        try:
            return condition(operand)
        except Mismatch as error:
            raise self._wrong(start, str(error)) from None

    def _taken(self, word: str) -> bool:
        """Step over a mark or keyword, where it is next."""
        if self._token.kind == "text" or self._token.word != word:
            return False
        self._place += 1
        return True

    def _close(self, word: str) -> None:
        if not self._taken(word):
            raise self._unexpected(f"{word!r} is")

    def _counted(self, token: Token) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._wrong(token, f"the expression is too long; it may have {MAX_NODES} fields and values.")

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._wrong(token, f"the expression is nested too deeply; {MAX_DEPTH} levels are read.")

    def _unexpected(self, expected: str) -> ConfigError:
        found = repr(self._token.word) if self._token.word else "the end"
        return self._wrong(self._token, f"{found} was not expected here; {expected}.")

    def _wrong(self, token: Token, what: str) -> ConfigError:
        return self._source.wrong(token.at, what)
