"""A parsed expression, and the door that text comes in by."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from recsys.expressions import holds, over
from recsys.expressions.parser import Parser
from recsys.expressions.tokens import Source
from recsys.expressions.tree import Kind, Node, names, render
from recsys.types import BoolArray

MAX_LENGTH = 2_000  # characters


@dataclass(frozen=True)
class Expression:
    """A condition on records. Two texts that differ in spaces, quotes or needless parentheses alone are equal."""

    tree: Node

    @cached_property
    def text(self) -> str:
        """The canonical text."""
        return render(self.tree)

    @cached_property
    def names(self) -> frozenset[str]:
        """The fields that it reads."""
        return frozenset(names(self.tree))

    def over(self, columns: over.Rows) -> BoolArray:
        """(rows,): where it is true; not where it is false, nor where a field that decides it is unknown."""
        return over.truth(self.tree, columns)[0]

    def holds(self, record: Mapping[str, object]) -> bool:
        """Whether it is true of one record. A value of another kind than its field's is unknown."""
        return holds.truth(self.tree, record) is True


def parse(text: str, fields: Mapping[str, Kind], *, where: str = "filter") -> Expression:
    """Read a text whose names are those of ``fields`` (dots may stand within a name).

    Raises ConfigError, which says ``where``, at which character and what would be allowed, for whatever is outside
    the subset or beyond its bounds: 2,000 characters, 32 levels, 500 fields and values, 16 searches in texts.
    """
    if len(text) > MAX_LENGTH:
        raise Source(text, where).wrong(MAX_LENGTH, f"the text is too long; {MAX_LENGTH:,} characters are read.")
    return Expression(Parser(Source(text, where), fields).whole())
