"""Filters of requests as masks over a view's items: each parsed and worked out once, and few enough kept."""

from collections.abc import Mapping

from recsys.errors import ConfigError
from recsys.expressions import Columns, Kind, parse
from recsys.safety.recent import Recent
from recsys.types import BoolArray
from serving.asks import AskError

MASK_BYTES = 32_000_000  # of remembered masks, in each worker


class Filters:
    """What filters leave of the items that ``columns`` describe."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._masks: Recent[str, BoolArray] = Recent(room(len(columns)))

    @property
    def fields(self) -> Mapping[str, Kind]:
        """What a filter may ask for."""
        return self._columns.kinds

    def mask(self, text: str) -> BoolArray:
        """(items,) where a filter is true; AskError where it cannot be read. One array as long as it is remembered."""
        return self._masks.get(text, lambda: self._made(text))

    def _made(self, text: str) -> BoolArray:
        try:
            expression = parse(text, self._columns.kinds)
        except ConfigError as error:
            raise AskError("filter", str(error)) from None
        mask = expression.over(self._columns)
        mask.flags.writeable = False
        return mask


def room(n_items: int, most: int = 64) -> int:
    """How many masks are kept."""
    return min(most, max(4, MASK_BYTES // max(n_items, 1)))
