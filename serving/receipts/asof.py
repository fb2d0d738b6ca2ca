"""The control store as it was after one change, for replaying a decision that was made then."""

import math
from typing import Any

from recsys.overrides import Override
from recsys.safety import Takedown
from serving.stores.control import ControlStore
from serving.stores.records import Controls


class AsOf:
    """What a view and a draft ask of the control store, answered from its change log up to ``sequence``.

    What the change log does not hold, a user's own choices and whether the store was silent, is given.
    """

    def __init__(self, control: ControlStore, sequence: int, at: float, controls: Controls, *, silent: bool) -> None:
        self._control, self._sequence, self._at = control, sequence, at
        self._controls, self._silent = controls, silent
        self._overrides: dict[str, Override] = {}
        self._takedowns: dict[str, Takedown] = {}
        for change in control.changes(0, sequence):
            self._apply(change.kind, change.key, change.payload)

    def sequence(self) -> int:
        """The change it stands at."""
        return self._sequence

    def silent_seconds(self) -> float:
        """Forever where the decision was made without word of the store, else 0."""
        return math.inf if self._silent else 0.0

    def controls(self, user_id: str) -> Controls:
        """What the user had chosen, whatever the name."""
        return self._controls

    def takedowns(self) -> list[Takedown]:
        """The orders in force."""
        return list(self._takedowns.values())

    def overrides(self, at: float | None = None) -> list[Override]:
        """The overrides that were neither revoked nor ended."""
        now = self._at if at is None else at
        return [override for override in self._overrides.values() if override.end > now]

    def override(self, override_id: str) -> Override | None:
        """One override as it was."""
        return self._overrides.get(override_id)

    def items(self, since: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """The upserted items as they were."""
        return [(seq, record) for seq, record in self._control.items_as_of(self._sequence) if seq > since]

    def _apply(self, kind: str, key: str, payload: dict[str, Any]) -> None:
        if kind == "override":
            self._overrides[key] = _override(payload)
        elif kind == "override_revoked":
            self._overrides.pop(key, None)
        elif kind == "takedown":
            order = Takedown(payload["id"], key, payload["territory"] or None, payload["reason"], payload["at"])
            self._takedowns[order.id] = order
        elif kind == "restore":
            self._takedowns.pop(payload["takedown_id"], None)


def _override(payload: dict[str, Any]) -> Override:
    start = -math.inf if payload["start"] is None else payload["start"]
    sets = {name: frozenset(payload[name]) for name in ("surfaces", "territories")}
    return Override(**{**payload, **sets, "start": start})
