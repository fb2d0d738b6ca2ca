"""Where items that were taken down had been shown, and when for the last time, from the decision log."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from recsys.safety import terms
from recsys.safety.takedown import bites
from serving.receipts.chain import Segment, decoded, header, lines, segments
from serving.receipts.records import offset_of
from serving.stores.takedowns import Ordered

WINDOW_SECONDS = 7 * 86_400.0  # how far back an order's evidence reaches
MOST = 20  # appearances that are listed one by one, the newest; all are counted
FEW = 20  # items up to which looking for their ids is cheaper than reading every record

Appearance = dict[str, Any]


def sighted(folder: Path, orders: Sequence[Ordered]) -> dict[str, dict[str, Any]]:
    """By takedown: the item's appearances where the order holds, from a week before it until it was lifted, here.

    One pass over the log for all of them. ``seconds_to_last_appearance`` is from the order to the last decision that
    showed the item, 0 where none did after.
    """
    found = {order.takedown.id: _Sighting(order) for order in orders}
    by_item = defaultdict(list)
    for order in orders:
        by_item[order.takedown.item_id].append(found[order.takedown.id])
    since = min((order.takedown.at for order in orders), default=0.0) - WINDOW_SECONDS
    for item, appearance in _appearances(folder, list(by_item), since):
        for sighting in by_item[item]:
            sighting.add(appearance)
    return {takedown_id: sighting.told() for takedown_id, sighting in found.items()}


@dataclass(slots=True)
class _Newest:
    """The newest appearances, at most ``MOST``."""

    count: int = 0
    kept: list[tuple[float, int, Appearance]] = field(default_factory=list)  # a heap; the count breaks ties

    def add(self, appearance: Appearance) -> None:
        self.count += 1
        push = heapq.heappush if len(self.kept) < MOST else heapq.heappushpop
        push(self.kept, (appearance["at"], self.count, appearance))

    def listed(self) -> list[Appearance]:
        return [appearance for _, _, appearance in sorted(self.kept)]


@dataclass(slots=True)
class _Sighting:
    """What is found of one order."""

    order: Ordered
    before: _Newest = field(default_factory=_Newest)
    after: _Newest = field(default_factory=_Newest)
    surfaces: Counter[str] = field(default_factory=Counter)
    territories: Counter[str] = field(default_factory=Counter)

    def add(self, appearance: Appearance) -> None:
        takedown, lifted = self.order.takedown, self.order.restored_at
        at, territory = appearance["at"], appearance["territory"]
        if at < takedown.at - WINDOW_SECONDS or (lifted is not None and at > lifted):
            return
        if not bites(frozenset({terms.territory(takedown.territory)}), terms.territory(territory)):
            return
        self.surfaces[appearance["surface"]] += 1
        self.territories[territory or "unknown"] += 1
        (self.after if at > takedown.at else self.before).add(appearance)

    def told(self) -> dict[str, Any]:
        before, after = self.before.listed(), self.after.listed()
        last = [*before, *after][-1:]
        return {
            "decisions_before": self.before.count,
            "decisions_after": self.after.count,
            "surfaces": dict(self.surfaces),
            "territories": dict(self.territories),
            "last_at": last[0]["at"] if last else None,
            "seconds_to_last_appearance": after[-1]["at"] - self.order.takedown.at if after else 0.0,
            "last_before": before,
            "last_after": after,
        }


def _appearances(folder: Path, items: Sequence[str], since: float) -> Iterator[tuple[str, Appearance]]:
    wanted, needles = set(items), [msgspec.json.encode(item) for item in items]
    for segment in _since(folder, since):
        for line in lines(segment):
            if len(needles) <= FEW and not any(needle in line for needle in needles):
                continue
            record = decoded(line, segment)
            for item in wanted.intersection(record.get("items", ())):
                yield item, _appearance(record, item)


def _appearance(record: dict[str, Any], item: str) -> Appearance:
    surface, territory = record["viewer"][:2]
    return {
        "decision_id": record["id"],
        "at": record["at"],
        "rank": offset_of(record) + record["items"].index(item) + 1,
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
