"""Every work that this installation knows: the published bundle's, and those that came since."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys.bundle import ITEMS
from recsys.dataset.catalogue import Catalogue, is_vector
from recsys.safety.labels import Effective, fold_all, recorded
from serving.champion import bundle_folder
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.upserts import stricter

Record = dict[str, Any]
Holding = dict[str, tuple[Effective, ...]]


def works(settings: Settings, control: ControlStore, columns: Sequence[str] | None = None) -> dict[str, Record]:
    """Records by item id, without vectors; with ``columns`` only these, which need not be there.

    Whole records are those that the gate goes by: an upsert loosens nothing that the bundle says of its work.
    """
    known = {str(row["item_id"]): row for row in _catalogue(settings, columns)}
    for _seq, record in control.items():  # noqa: PERF102 - the store's pairs, no dict
        item_id = str(record["item_id"])
        kept = {name: value for name, value in record.items() if columns is None or name in columns}
        bundled = known.get(item_id, {})
        unknown = {name: value for name, value in bundled.items() if name not in record and name in (columns or ())}
        found = kept if columns is not None or not bundled else stricter(bundled, kept)
        known[item_id] = {**unknown, **found, "item_id": item_id}
    return known


def work(settings: Settings, control: ControlStore, item_id: str) -> Record | None:
    """One record; None where no work has the id. An upsert stands, as in a takedown's report."""
    upserted = control.item_as_of(item_id, control.sequence())
    if upserted is not None:
        return upserted
    found = _published(settings)
    index = None if found is None else found.ids.get(item_id)
    return None if found is None or index is None else found.record(index)


def holding(control: ControlStore, known: Mapping[str, Record], now: float) -> Holding:
    """What holds at ``now`` (s UTC) of each work that somebody has said something of, its record's labels included."""
    events = [event for event in control.label_events() if event.item_id in known]
    versions = control.item_versions()
    own = [
        event
        for item in dict.fromkeys(event.item_id for event in events)
        for event in recorded(item, versions.get(item, 0), known[item].get("labels") or ())
    ]
    return fold_all([*own, *events], now, versions=versions)


def _published(settings: Settings) -> Catalogue | None:
    folder = bundle_folder(settings.var, settings.bundle)
    return None if folder is None else Catalogue.load(folder / ITEMS)


def _catalogue(settings: Settings, columns: Sequence[str] | None) -> list[Record]:
    published = _published(settings)
    if published is None:
        return []
    table = published.table
    wanted = [
        name
        for name in table.column_names
        if not is_vector(name) and (columns is None or name in columns or name == "item_id")
    ]
    rows: list[Record] = table.select(wanted).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
