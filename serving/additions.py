"""Items that came after the bundle: known ones are replaced in place, new ones go on behind the catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.bundle import Bundle
from recsys.dataset.catalogue import Catalogue
from recsys.pipeline import Overlay
from serving.stores.control import ControlStore
from serving.stores.sync import UPSERT_SEQ
from serving.upserts import tightened

if TYPE_CHECKING:
    from serving.view import View

NEIGHBOURS = 20


def news(bundle: Bundle, control: ControlStore) -> list[dict[str, Any]]:
    """Upserts that the bundle's lake version did not hold yet; a newer catalogue outranks an older upsert."""
    held = dict(zip(bundle.catalogue.ids.ids, bundle.catalogue.column(UPSERT_SEQ), strict=True))
    return [record for seq, record in control.items() if seq > (held.get(str(record["item_id"])) or 0)]


def with_items(view: "View", records: Sequence[dict[str, Any]]) -> "View":
    """Upserted items: known ones are replaced in place, new ones go on behind, in the order they came."""
    if not records:
        return view
    size = len(view.bundle.catalogue)
    records = tightened(view.gate, view.ids, view.record, records)
    ids = view.ids.extended(str(record["item_id"]) for record in records)
    touched = {int(ids.dense([str(record["item_id"])])[0]): record for record in records}
    known = {index: record for index, record in touched.items() if index < len(view.ids)}
    fresh = [touched[index] for index in sorted(touched) if index >= len(view.ids)]
    gate = view.gate
    if known:
        gate = gate.replaced_many(list(known), Catalogue.from_records(list(known.values())))
    if fresh:
        gate = gate.extended(Catalogue.from_records(fresh))
    added = [*view.added, *fresh]
    for index, record in known.items():
        if index >= size:
            added[index - size] = record
    changed = {**(view.changed or {}), **{index: record for index, record in known.items() if index < size}}
    overlay = _overlay(view, {index - size: record for index, record in touched.items() if index >= size}, len(added))
    quotas = view.quotas.replaced(touched, len(ids))
    return replace(view, ids=ids, gate=gate, overlay=overlay, added=tuple(added), changed=changed, quotas=quotas)


def _overlay(view: "View", touched: Mapping[int, dict[str, Any]], size: int) -> Overlay:
    """The overlay with the neighbours of new and changed items found; the others keep theirs."""
    near, weights = np.zeros((size, NEIGHBOURS), np.int32), np.zeros((size, NEIGHBOURS), np.float32)
    before = len(view.overlay)
    if before:
        near[:before], weights[:before] = view.overlay.neighbours, view.overlay.weights
    content = view.bundle.pipeline.content
    if content is not None and touched:
        places = list(touched)
        vectors = content.encode(Catalogue.from_records(list(touched.values())))
        near[places], weights[places] = content.neighbours(vectors, NEIGHBOURS)
    return Overlay(near, weights)
