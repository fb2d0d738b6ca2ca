"""Everything that is known of a takedown, for a regulator, an operator or a court."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from recsys.errors import RecsysError
from serving.champion import read_champion
from serving.receipts.chain import node_of
from serving.receipts.sightings import sighted
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.stores.takedowns import Ordered


def takedown_report(takedown_id: str, control: ControlStore, settings: Settings) -> dict[str, Any]:
    """The order and what it rests on, the item as it was, where it was shown and until when, and every later step.

    Times are s UTC. This node's decision log is searched now; of other nodes their last look is told. ConfigError
    where there is no takedown of that id.
    """
    order = control.ordered(takedown_id)
    record, source = _item(order, control, settings)
    shown = _shown(order, control, settings.decisions_folder())
    return {
        "id": takedown_id,
        "item_id": order.takedown.item_id,
        "territory": order.takedown.territory,
        "ordered_at": order.takedown.at,
        "ordered_by": order.actor,
        "reason": order.takedown.reason,
        "legal_basis": order.basis.legal_basis,
        "attachments": [asdict(one) for one in order.basis.attachments],
        "change": order.seq,
        "restored_at": order.restored_at,
        "item": record,
        "item_from": source,
        "seconds_to_last_appearance": max((at["seconds_to_last_appearance"] for at in shown.values()), default=0.0),
        "last_at": max((at["last_at"] for at in shown.values() if at["last_at"] is not None), default=None),
        "decisions_before": sum(at["decisions_before"] for at in shown.values()),
        "decisions_after": sum(at["decisions_after"] for at in shown.values()),
        "shown": shown,
        "events": [asdict(event) for event in control.reports(subject=takedown_id)],
    }


def _item(order: Ordered, control: ControlStore, settings: Settings) -> tuple[dict[str, Any] | None, str | None]:
    """The item's record when it was taken down, by the best witness there is."""
    if order.basis.record is not None:
        return dict(order.basis.record), "order"
    upsert = None if order.seq is None else control.item_as_of(order.takedown.item_id, order.seq)
    if upsert is not None:
        return upsert, "upserted before the order"
    try:
        champion = read_champion(settings.var)
        if champion is None:
            return None, None
        from recsys.bundle import ITEMS
        from recsys.dataset.catalogue import Catalogue

        catalogue = Catalogue.load(champion.path / ITEMS)
    except (RecsysError, OSError):
        return None, None
    index = catalogue.ids.get(order.takedown.item_id)
    return (None, None) if index is None else (catalogue.record(index), f"catalogue of {champion.version}")


def _shown(order: Ordered, control: ControlStore, folder: Path) -> dict[str, dict[str, Any]]:
    shown = {
        node: {**found, "checked_at": checked}
        for node, (checked, found) in control.sightings(order.takedown.id).items()
    }
    if folder.is_dir():
        shown[node_of(folder)] = {**sighted(folder, [order])[order.takedown.id], "checked_at": None}  # just now
    return shown
