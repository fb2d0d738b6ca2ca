"""Labels on their way to the gate: the events of the control store folded into what holds for each item of a view."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from recsys.dataset.catalogue import Catalogue, is_vector
from recsys.safety.labels import Effective, LabelEvent, fold, fold_all, recorded
from serving.stores.control import ControlStore

if TYPE_CHECKING:
    from serving.view import View

Span = tuple[float, float]  # [since, until) in s UTC
_UNREADABLE = ""  # no label: the gate holds an item with a broken one on every surface


@dataclass(frozen=True, eq=False)
class Labels:
    """What holds for every item that has label events; the labels of all others are those of their records."""

    effective: Mapping[str, tuple[Effective, ...]] = field(default_factory=dict)  # by item id
    spans: Mapping[str, Span] = field(default_factory=dict)  # of items with events that expire: in which it holds so
    _since: float = field(init=False)
    _until: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_since", max((since for since, _ in self.spans.values()), default=-math.inf))
        object.__setattr__(self, "_until", min((until for _, until in self.spans.values()), default=math.inf))

    def hold(self, now: float) -> bool:
        """Whether no label has expired since, nor holds again because the clock was put back."""
        return self._since <= now < self._until

    def due(self, now: float) -> list[str]:
        """The items whose labels at ``now`` (s UTC) are others."""
        return [item for item, (since, until) in self.spans.items() if not since <= now < until]


def of_item(view: "View | None", control: ControlStore, item_id: str, now: float) -> tuple[Effective, ...]:
    """What holds for one item, its record's labels included; an item that the view does not know has no record."""
    version = control.item_versions([item_id]).get(item_id, 0)
    index = None if view is None else view.ids.get(item_id)
    names = () if view is None or index is None else view.record(index).get("labels") or ()
    return fold([*recorded(item_id, version, names), *control.label_events([item_id])], now, version=version)


def relabelled(view: "View", control: ControlStore, now: float, touched: Iterable[str] | None = None) -> "View":
    """``view`` with the label events of ``touched`` items (None: of all) folded and handed to the gate."""
    events = [event for event in control.label_events(touched) if event.item_id in view.ids]
    if not events:
        return view
    items = list(dict.fromkeys(event.item_id for event in events))
    indices = view.ids.dense(items).tolist()
    known, versions = rows(view, indices), control.item_versions(None if touched is None else items)
    records = zip(items, _recorded(known), strict=True)
    own = [event for item, names in records for event in recorded(item, versions.get(item, 0), names or ())]
    found = fold_all([*own, *events], now, versions=versions)
    gate = view.gate.with_labels({item: found[item] for item in items})
    others = {item: span for item, span in view.labels.spans.items() if item not in found}
    return replace(
        view, gate=gate, labels=Labels({**view.labels.effective, **found}, {**others, **_spans(events, now)})
    )


def _spans(events: Iterable[LabelEvent], now: float) -> dict[str, Span]:
    """By item from the newest expiry that is over to the next one."""
    spans: dict[str, Span] = {}
    for event in events:
        if event.expires is not None:
            since, until = spans.get(event.item_id, (-math.inf, math.inf))
            over = event.expires <= now
            spans[event.item_id] = (max(since, event.expires), until) if over else (since, min(until, event.expires))
    return spans


def _recorded(rows: pa.Table) -> list[Sequence[object] | None]:
    """The labels of each record; one whose text is no UTF-8 has garbage, which the gate holds."""
    found: list[Sequence[object] | None] = []
    for scalar in rows["labels"]:
        try:
            found.append(scalar.as_py())
        except UnicodeDecodeError:
            found.append([_UNREADABLE])
    return found


def rows(view: "View", indices: Sequence[int]) -> pa.Table:
    """The records of some items, one row each, upserts applied; every field but vectors, which no gate reads."""
    size, changed = len(view.bundle.catalogue), view.changed or {}
    upserted = [at for at, index in enumerate(indices) if index >= size or index in changed]
    kept = [at for at, index in enumerate(indices) if index < size and index not in changed]
    known = view.bundle.catalogue.table
    known = known.select([name for name in known.column_names if not is_vector(name)])
    fresh = Catalogue.from_records([view.record(indices[at]) for at in upserted]).table
    fresh = fresh.select([name for name in fresh.column_names if not is_vector(name)])
    rows = known.take(pa.array([indices[at] for at in kept], pa.int64()))
    both = pa.concat_tables([rows, fresh], promote_options="permissive")
    return both.take(pa.array(np.argsort([*kept, *upserted])))
