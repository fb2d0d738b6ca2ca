"""The control store as it was after one change, for replaying a decision that was made then."""

import math
from collections.abc import Iterable
from typing import Any

from recsys.overrides import Budget, Campaign, Override, Traffic
from recsys.safety import Takedown
from recsys.safety.labels import LabelEvent
from recsys.safety.rights import Rights
from serving.stores.campaigns import Filed, filed_of, orders_of
from serving.stores.control import ControlStore
from serving.stores.halts import Halt
from serving.stores.lists import traffic_of
from serving.stores.newcomers import budget_of
from serving.stores.records import Controls

KEPT = {"item": "upserts", "rights": "rights"}  # kinds of changes whose payload has a history of its own


class AsOf:
    """What a view and a draft ask of the control store, answered from its change log up to ``sequence``.

    What the change log does not hold, a user's own choices and whether the store was silent, is given.
    """

    def __init__(self, control: ControlStore, sequence: int, at: float, controls: Controls, *, silent: float) -> None:
        self._control, self._sequence, self._at = control, sequence, at
        self._controls, self._silent = controls, silent
        self._overrides: dict[str, Override] = {}
        self._campaigns: dict[str, Filed] = {}
        self._halts: dict[str, Halt] = {}
        self._budgets: dict[str, Budget] = {}  # by id; only the newest is in force
        self._traffic: Traffic | None = None
        self._takedowns: dict[str, Takedown] = {}
        self._told: dict[str, dict[str, int]] = {kind: {} for kind in KEPT}  # the newest change of each item
        for change in control.changes(0, sequence):
            self._apply(change.kind, change.key, change.payload)
            if change.kind in KEPT:
                self._told[change.kind][change.key] = change.seq

    def sequence(self) -> int:
        """The change it stands at."""
        return self._sequence

    def silent_seconds(self) -> float:
        """As long as it had been silent when the decision was made, as far as the decision shows it (s)."""
        return self._silent

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

    def orders(self, at: float | None = None) -> list[Override | Campaign]:
        """What editors wanted, without what a kill switch held back."""
        now = self._at if at is None else at
        on_air = [one for _, one in sorted(self._campaigns.items()) if one.served is not None and one.end > now]
        budget = next((one for one in self._budgets.values() if one.end > now), None)
        return orders_of(self.overrides(now), on_air, list(self._halts.values()), budget)

    def traffic(self) -> Traffic | None:
        """The profile that was measured last."""
        return self._traffic

    def override(self, override_id: str) -> Override | Filed | Budget | None:
        """One override, campaign or budget of new works as it was."""
        return self._overrides.get(override_id) or self._campaigns.get(override_id) or self._budgets.get(override_id)

    def items(self, since: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """The upserted items as they were."""
        return [(seq, record) for seq, record in self._control.items_as_of(self._sequence) if seq > since]

    def rights(self, since: int = 0) -> dict[str, Rights]:
        """What documents had said of works by then."""
        return self._control.rights_as_of(self._sequence)

    def label_events(self, item_ids: Iterable[str] | None = None) -> list[LabelEvent]:
        """What had been said of items by then."""
        wanted = None if item_ids is None else set(item_ids)
        found = self._control.label_events_as_of(self._sequence)
        return [event for event in found if wanted is None or event.item_id in wanted]

    def item_versions(self, item_ids: Iterable[str] | None = None) -> dict[str, int]:
        """The versions that upserted items had."""
        wanted = None if item_ids is None else set(item_ids)
        found = self._control.item_versions_as_of(self._sequence)
        return {item: version for item, version in found.items() if wanted is None or item in wanted}

    def derived_key(self, purpose: str) -> bytes:
        """The secret that page tokens were signed with."""
        return self._control.derived_key(purpose)

    def pseudonym(self, user_id: str) -> str:
        """The name itself: a side record names its user by the pseudonym."""
        return user_id

    def lost(self) -> list[str]:
        """What was not kept yet when it was replaced, one sentence a kind; only newer upserts and rights were."""
        kept = {"item": self._control.kept_items(self._sequence), "rights": self._control.kept_rights(self._sequence)}
        return [
            f"{KEPT[kind]} as of change {self._sequence} were not kept then ({len(gone)} works, such as {min(gone)})"
            for kind, told in self._told.items()
            if (gone := {item for item, seq in told.items() if seq not in kept[kind]})
        ]

    def _apply(self, kind: str, key: str, payload: dict[str, Any]) -> None:
        if kind == "override":
            self._overrides[key] = _override(payload)
        elif kind == "override_revoked":
            self._overrides.pop(key, None)
        elif kind == "campaign":
            self._campaigns[key] = filed_of(payload)
        elif kind == "halt":
            self._halts.pop(key, None)
            if payload["act"] == "halt":
                self._halts[key] = Halt(**{name: value for name, value in payload.items() if name != "act"})
        elif kind == "cold_start":
            budget = budget_of(payload)
            self._budgets = {} if budget is None else {key: budget}
        elif kind == "traffic":
            self._traffic = traffic_of(payload)
        elif kind == "takedown":
            order = Takedown(payload["id"], key, payload["territory"] or None, payload["reason"], payload["at"])
            self._takedowns[order.id] = order
        elif kind == "restore":
            self._takedowns.pop(payload["takedown_id"], None)


def _override(payload: dict[str, Any]) -> Override:
    start = -math.inf if payload["start"] is None else payload["start"]
    sets = {name: frozenset(payload[name]) for name in ("surfaces", "territories")}
    return Override(**{**payload, **sets, "start": start})
