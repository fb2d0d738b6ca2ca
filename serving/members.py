"""What is known of the items of a view, and what one says of itself in a response, as JSON members."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from recsys.bundle import Bundle
from recsys.dataset.ids import IdMap
from recsys.rerank import firsts
from recsys.safety import Gate, Policy
from recsys.types import NOTHING, IntArray

SHOWN = ("title", "media_type", "year", "language", "genres", "authors", "provider", "artwork")
_encode = msgspec.json.Encoder().encode


def members(item_id: str, values: Sequence[Any], gate: Gate, index: int) -> bytes:
    """The values of ``SHOWN``, and labels, which never leave without who gave them."""
    given = {name: value for name, value in zip(SHOWN, values, strict=True) if value is not None}
    sources = gate.provenance(index)
    told: dict[str, Any] = {"labels": list(sources)}
    if sources:
        told["label_sources"] = sources
    if ai := gate.ai_labels(sources):
        told["ai_label"] = ai[0]
    return _encode({"item_id": item_id, **given, **told})[1:-1]


class Works:
    """The fields of a view's items, upserts applied."""

    bundle: Bundle
    policy: Policy
    gate: Gate
    ids: IdMap
    added: tuple[dict[str, Any], ...]
    changed: Mapping[int, dict[str, Any]] | None

    @cached_property
    def creators(self) -> IntArray:
        """(items,): the first author of each item as a number, -1 where none is known."""
        return firsts(self._column("authors"))

    @cached_property
    def topics(self) -> IntArray:
        """(items,): the first genre of each item, or the first tag where the pack says so; -1 where none is known."""
        return firsts(self._column(self.policy.topic))

    @cached_property
    def shown(self) -> list[bytes]:
        """The JSON members of every item as they are sent, encoded once."""
        columns = [self._column(name) for name in SHOWN]
        rows = zip(self.ids.ids, *columns, strict=True)
        return [members(row[0], row[1:], self.gate, index) for index, row in enumerate(rows)]

    def _column(self, name: str) -> list[Any]:
        """A field of every item, upserts applied."""
        values = self.bundle.catalogue.column(name) + [record.get(name) for record in self.added]
        for index, record in (self.changed or {}).items():
            values[index] = record.get(name)
        return values

    def record(self, index: int) -> dict[str, Any]:
        """The known fields of one item, upserts applied."""
        size = len(self.bundle.catalogue)
        if index >= size:
            return self.added[index - size]
        if self.changed and index in self.changed:
            return self.changed[index]
        return self.bundle.catalogue.record(index)

    def members(self, index: int, without: Sequence[str] = (), instead: Mapping[str, str] = NOTHING) -> bytes:
        """The JSON members of one item, with other words or pictures, and without what a viewer must not see."""
        told = {**self.record(index), **instead}
        values = [None if name in without else told.get(name) for name in SHOWN]
        return members(self.ids[index], values, self.gate, index)
