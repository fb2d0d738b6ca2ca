"""Every work that this installation knows: the published bundle's, and those that came since."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys.bundle import ITEMS
from recsys.dataset.catalogue import Catalogue, is_vector
from recsys.safety.labels import Effective, fold_all, recorded
from serving.champion import read_champion
from serving.settings import Settings
from serving.stores.control import ControlStore

Record = dict[str, Any]
Holding = dict[str, tuple[Effective, ...]]


def works(settings: Settings, control: ControlStore, columns: Sequence[str] | None = None) -> dict[str, Record]:
    """Records by item id, without vectors; with ``columns`` only these, which need not be there."""
    known = {str(row["item_id"]): row for row in _catalogue(settings, columns)}
    for _seq, record in control.items():  # noqa: PERF102 - the store's pairs, no dict
        item_id = str(record["item_id"])
        kept = {name: value for name, value in record.items() if columns is None or name in columns}
        bundled = known.get(item_id, {})
        unknown = {name: value for name, value in bundled.items() if name not in record and name in (columns or ())}
        known[item_id] = {**unknown, **kept, "item_id": item_id}
    return known


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


def _catalogue(settings: Settings, columns: Sequence[str] | None) -> list[Record]:
    champion = None if settings.bundle else read_champion(settings.var)
    folder = settings.bundle or (champion.path if champion else None)
    if folder is None:
        return []
    table = Catalogue.load(folder / ITEMS).table
    wanted = [
        name
        for name in table.column_names
        if not is_vector(name) and (columns is None or name in columns or name == "item_id")
    ]
    rows: list[Record] = table.select(wanted).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
