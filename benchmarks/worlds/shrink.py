"""A failing world cut down to the little that still fails."""

import copy
from collections.abc import Callable
from typing import Any

from benchmarks.worlds.play import play

Record = dict[str, Any]
TRIES = 400


def shrunk(world: Record, kind: str, tries: int = TRIES) -> Record:
    """The world with as few steps, items and fields as still give a fault of this kind, within so many tries."""
    left = [tries]

    def fails(candidate: Record) -> bool:
        left[0] -= 1
        try:
            return any(fault["fault"] == kind for fault in play(candidate).faults)
        except Exception:  # noqa: BLE001 - a world that cannot be set up shows nothing
            return False

    small = copy.deepcopy(world)
    first = play(small).faults[0]["step"]
    small["steps"] = small["steps"][: first + 1]
    _cut(small, "steps", fails, left, keep=1)
    for name in ("quotas", "items"):
        _cut(small, name, fails, left)
    for key in ("territories", "rules", "minors", "rated_media"):
        without = {**small, "pack": {name: value for name, value in small["pack"].items() if name != key}}
        if left[0] > 0 and key in small["pack"] and fails(without):
            small = without
    _plain(small, fails, left)
    return small


def _cut(small: Record, name: str, fails: Callable[[Record], bool], left: list[int], keep: int = 0) -> None:
    """Leave parts of a list out, halves first; the last ``keep`` stay."""
    span = max(1, len(small[name]) // 2)
    while span and left[0] > 0:
        at = 0
        while at < len(small[name]) - keep and left[0] > 0:
            end = min(at + span, len(small[name]) - keep)
            candidate = {**small, name: small[name][:at] + small[name][end:]}
            if name == "items":
                candidate["scores"] = [row[:at] + row[end:] for row in small["scores"]]
            if (candidate[name] or name != "items") and fails(candidate):
                small.update(candidate)
            else:
                at = end
        span //= 2


def _plain(small: Record, fails: Callable[[Record], bool], left: list[int]) -> None:
    """Leave fields of the items out."""
    for at, item in enumerate(small["items"]):
        for name in [name for name, value in item.items() if name != "item_id" and value is not None]:
            if left[0] <= 0:
                return
            items = [*small["items"]]
            items[at] = {key: value for key, value in items[at].items() if key != name}
            if fails({**small, "items": items}):
                small["items"] = items
                item = items[at]
