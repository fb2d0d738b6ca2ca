"""Where an item that was taken down had been shown, and when for the last time, from the decision log."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from recsys.safety.takedown import bites
from serving.receipts.chain import Segment, decoded, header, lines, segments
from serving.stores.takedowns import Ordered

WINDOW_SECONDS = 7 * 86_400.0  # how far back an order's evidence reaches
MOST = 20  # appearances that are listed one by one; all are counted


def sighted(folder: Path, order: Ordered) -> dict[str, Any]:
    """The appearances of an item where the order holds, from a week before it until it was lifted, on this node.

    ``seconds_to_last_appearance`` is from the order to the last decision that showed the item, 0 where none did after.
    """
    ordered_at = order.takedown.at
    until = float("inf") if order.restored_at is None else order.restored_at
    before: list[dict[str, Any]] = []
    after: list[dict[str, Any]] = []
    surfaces, territories = Counter[str](), Counter[str]()
    counts = Counter[bool]()
    for found in sorted(_appearances(folder, order), key=lambda one: one["at"]):
        if not ordered_at - WINDOW_SECONDS <= found["at"] <= until:
            continue
        late = found["at"] > ordered_at
        surfaces[found["surface"]] += 1
        territories[found["territory"] or "unknown"] += 1
        counts[late] += 1
        (after if late else before).append(found)
        del before[:-MOST], after[:-MOST]
    last = [*before, *after][-1]["at"] if counts else None
    return {
        "decisions_before": counts[False],
        "decisions_after": counts[True],
        "surfaces": dict(surfaces),
        "territories": dict(territories),
        "last_at": last,
        "seconds_to_last_appearance": max(0.0, last - ordered_at) if last is not None else 0.0,
        "last_before": before,
        "last_after": after,
    }


def _appearances(folder: Path, order: Ordered) -> Iterator[dict[str, Any]]:
    item, places = order.takedown.item_id, frozenset({order.takedown.territory})
    needle = msgspec.json.encode(item)
    for segment in _since(folder, order.takedown.at - WINDOW_SECONDS):
        for line in lines(segment):
            if needle not in line:
                continue
            record = decoded(line, segment)
            if item not in record.get("items", ()):
                continue
            surface, territory = record["viewer"][:2]
            if bites(places, territory):
                rank = record["items"].index(item) + 1
                yield {
                    "decision_id": record["id"],
                    "at": record["at"],
                    "rank": rank,
                    "surface": surface,
                    "territory": territory,
                    "control": record["control"],
                }


def _since(folder: Path, at: float) -> Iterator[Segment]:
    """The segments that were not closed before ``at``."""
    for _, own in groupby(segments(folder), key=lambda one: one.chain):
        chain = list(own)
        for place, segment in enumerate(chain):
            closed = header(chain[place + 1])["opened"] if place + 1 < len(chain) else float("inf")
            if closed >= at:
                yield segment
