"""The rounds of the decision log in the background: erasures and takedowns every time, the rest every hour."""

import json
from collections.abc import Callable
from pathlib import Path

import structlog

from recsys.clock import Clock, system_clock
from recsys.lake import Lake
from serving.receipts import keeping
from serving.receipts.chain import node_of
from serving.receipts.sightings import sighted
from serving.stores.control import ControlStore

log = structlog.get_logger()
LOOKS = (60.0, 3_600.0, 86_400.0)  # s after an order: when the log is searched for what it ended


class Upkeep:
    """One node's rounds. ``days`` is how long segments are kept; ``told`` hears each time to a last appearance."""

    def __init__(
        self,
        folder: Path,
        control: ControlStore,
        *,
        days: float,
        clock: Clock = system_clock,
        told: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._folder, self._control, self._days, self._clock, self._told = folder, control, days, clock, told
        self._sequence = 0  # of the control store at the last round

    def round(self, lake: Lake | None = None) -> None:
        """What is due now. Every step may be killed anywhere and is done again."""
        if not self._folder.is_dir():
            return
        self._forget()
        self._look()
        if self._clock() - self._bookmark("hour") >= keeping.HOUR:
            keeping.anchor(self._folder, self._control)
            if lake is not None:
                keeping.drain_decisions(self._folder, lake)
            keeping.remove_old(self._folder, self._control, days=self._days, clock=self._clock)
            self._set("hour", self._clock())

    def _forget(self) -> None:
        """Erasures since the round before the last: what a worker still had in its queue is caught by the next one."""
        sequence = self._control.sequence()
        removed = keeping.forget(self._folder, self._control, int(self._bookmark("forgotten")))
        if removed:
            log.info("side_records_erased", records=removed)
        if self._sequence > self._bookmark("forgotten"):
            self._set("forgotten", self._sequence)
        self._sequence = sequence

    def _look(self) -> None:
        node = node_of(self._folder)
        due = self._control.unsighted(node, LOOKS)
        for takedown_id, found in sighted(self._folder, due).items() if due else ():
            known = self._control.sightings(takedown_id).get(node)
            self._control.put_sighting(takedown_id, node, found)
            seconds = float(found["seconds_to_last_appearance"])
            if known is None or seconds > known[1]["seconds_to_last_appearance"]:
                self._told(seconds)

    def _bookmark(self, name: str) -> float:
        file = self._folder / f"{name}.json"
        return float(json.loads(file.read_text())) if file.exists() else 0.0

    def _set(self, name: str, value: float) -> None:
        draft = self._folder / f"{name}.part"
        draft.write_text(json.dumps(value))
        draft.replace(self._folder / f"{name}.json")
