"""Filters in a subset of CEL (cel.dev): parsed and checked once, then asked of whole columns or of one record.

The language: fields by name; texts, numbers, `true`, `false`, `null` and lists of them; `== != < <= > >=`, `in`,
`&& || !` and parentheses; `has(field)`, `size(field)`, `timestamp("2026-01-31T00:00:00Z")`; of a text `startsWith`,
`endsWith`, `contains`; of a list `exists(x, …)` and `all(x, …)`.

What is unknown is an error in CEL, and so it is here: a comparison with a field that an item does not have is neither
true nor false, nor is its negation; `error || true` is true and `error && false` is false. An item matches where the
whole is true. `has(year)` asks whether a field is there, and `year == null` means `!has(year)`. (CEL itself wants its
fields selected from a message: the test against its runtime writes `item.year` for `year`.)
"""

from recsys.expressions.columns import Columns
from recsys.expressions.expression import Expression, parse
from recsys.expressions.tree import Kind

__all__ = ["Columns", "Expression", "Kind", "parse"]
