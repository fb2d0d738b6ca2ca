"""The real engine over real stores, with a small catalogue: what happens to it, and what it answers."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import copy
from typing import Any

from benchmarks.worlds.desks import Desks
from benchmarks.worlds.forms import bundle_of, term_of, timed
from benchmarks.worlds.fragile import Control, FaultError, State
from benchmarks.worlds.toml import toml
from recsys.errors import ConfigError, StoreError
from recsys.overrides import NO_QUOTAS, Exposure, Override, Quota, QuotaIndex
from recsys.safety import Gate
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.safety.rights import Rights
from serving.asks import Answer, Ask
from serving.current import Live
from serving.engine import Engine
from serving.stores.control import Controls, ControlStore
from serving.stores.records import ConflictError
from serving.stores.state import Event, open_state
from serving.trials import Trials
from serving.upserts import LOOSENS, tightened

Record = dict[str, Any]
MEMORY = Path("/dev/shm")  # where there is one, so that a commit costs no turn of a disk


class Stage:
    """A world as the service has it."""

    def __init__(self, world: Record) -> None:
        base = MEMORY if MEMORY.is_dir() else None
        self._folder = tempfile.TemporaryDirectory(prefix="recsys-world-", dir=base)
        folder = Path(self._folder.name)
        for file in Path(_template().name).iterdir():
            copy(file, folder / file.name)
        self.failing: set[str] = set()
        self.ticks, self.readings = 0.0, [float(world["now"])]  # s between two readings of the clock, and those so far
        self._now, self._confirmed, self._said = float(world["now"]), float(world["now"]), 0
        self._orders: dict[str, str] = {}
        self._halts: dict[str, str] = {}
        self._bundle = bundle_of(world, self.failing)
        pack = folder / "pack.toml"
        pack.write_text(toml(world["pack"]), encoding="utf-8")
        self.control = Control.open(folder / "control.db", self._clock)
        self.control.failing = self.failing
        self._quotas = [
            Quota(**{**one, "values": tuple(one["values"]), "surfaces": frozenset(one["surfaces"])})
            for one in world["quotas"]
        ]
        self.state = State(open_state(folder / "state.db"), self.failing)
        live = Live(self._bundle, self.control, self._clock, policy=str(pack))
        self.engine = Engine(live, self.control, self.state, self._clock, exposure=Exposure())
        self._desks = Desks(self.control, self._clock, str(pack))
        self._trials = Trials(self.control)
        self._watched = False

    def close(self) -> None:
        """Give everything back."""
        self.control.close()
        self.state.real.close()
        self._folder.cleanup()

    def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """As the service does it: a fault falls back to a plain list, and a trial is told of each."""
        self._watch()
        try:
            answers = self.engine.recommend(asks)
        except (FaultError, StoreError):
            answers = [self.engine.impersonal(ask) for ask in asks]
        self._trials.saw(answers[0])
        return answers

    def tell(self, step: Record) -> bool:
        """Something happens to the service, in no time; False where the service refuses it."""
        ticks, self.ticks = self.ticks, 0.0
        try:
            getattr(self, "_do_" + step["do"])(step)
        except (ConfigError, ConflictError, StoreError):
            return False
        finally:
            self.ticks = step["by"] if step["do"] == "tick" else ticks
        return True

    @property
    def trying(self) -> bool:
        """Whether a pack is on trial; one that does not fit what is in force judges nothing."""
        return self.engine.live.current.trial is not None

    def _clock(self) -> float:
        self._now += self.ticks
        self.readings.append(self._now)
        return self._now

    def _watch(self) -> None:
        """Nobody confirms policies in one process and no store has quotas, so that the view is told of both here."""
        live = self.engine.live
        if self._watched:
            return
        try:
            view = live.view()
        except StoreError:
            return
        quotas = QuotaIndex.compile(self._quotas, view.bundle.catalogue.column) if self._quotas else NO_QUOTAS
        trial, gate = view.trial, self._confirming(view.gate)
        if trial is not None:
            judge = replace(trial.view, gate=self._confirming(trial.view.gate))
            trial = replace(trial, live=gate, view=judge)
        live._view = replace(view, gate=gate, quotas=quotas, trial=trial)
        self._watched = True

    def _confirming(self, gate: Gate) -> Gate:
        return replace(gate, confirmed=lambda: self._confirmed)

    def _do_clock(self, step: Record) -> None:
        self._now = step["to"]

    def _do_tick(self, step: Record) -> None:
        """See ``tell``."""

    def _do_confirm(self, step: Record) -> None:
        self._confirmed = step["at"]

    def _do_rebuild(self, step: Record) -> None:
        if "everything" in self.failing:
            raise StoreError("A worker does not start without the control store.")
        self.engine.live.swap(self._bundle, lambda view: None)
        self._watched = False
        self._watch()

    def _do_policy(self, step: Record) -> None:
        self._desks.policy(step, self.engine.live.current)
        self._watched = False
        self._watch()

    def _do_campaign(self, step: Record) -> None:
        self._desks.campaign(step, self.engine.live.current.policy)

    def _do_fail(self, step: Record) -> None:
        self.failing.clear()
        self.failing.update(step["what"])

    def _do_takedown(self, step: Record) -> None:
        order = self.control.take_down(step["item_id"], reason="r", actor="one", territory=step["territory"])
        self._orders[step["id"]] = order.id

    def _do_restore(self, step: Record) -> None:
        if step["id"] in self._orders:
            order = self._orders.pop(step["id"])
            self.control.request_restore(order, "one", "r")
            self.control.approve_restore(order, "two")

    def _do_override(self, step: Record) -> None:
        given = {name: value for name, value in step.items() if name not in ("do", "by")}
        given |= {"surfaces": frozenset(step["surfaces"]), "territories": frozenset(step["territories"])}
        self.control.put_override(Override(**given, created_at=self._now, created_by=step["by"], reason="r"), "editor")

    def _do_revoke(self, step: Record) -> None:
        self.control.revoke_override(step["id"], "editor", "r")

    def _do_halt(self, step: Record) -> None:
        self._halts[step["id"]] = self.control.halt(step["scope"], step["key"], "one", "r").id

    def _do_release(self, step: Record) -> None:
        if step["id"] in self._halts:
            halt = self._halts.pop(step["id"])
            self.control.request_release(halt, "one", "r")
            self.control.approve_release(halt, "two")

    def _do_label(self, step: Record) -> None:
        self._said += 1
        given = {name: value for name, value in step.items() if name not in ("do", "lasts")}
        created = self._now + self._said * 1e-3
        expires = None if step["lasts"] is None else created + step["lasts"]
        event = LabelEvent(**given, item_version=PRESENT, created=created, expires=expires)
        self.control.add_labels([event], "officer")

    def _do_rights(self, step: Record) -> None:
        found = Rights(tuple(map(term_of, step["grants"])), tuple(map(term_of, step["bars"])), source="drawn")
        self.control.put_rights({step["item_id"]: found}, actor="officer", reason="r")

    def _do_controls(self, step: Record) -> None:
        chosen = Controls(step["personalised"], frozenset(step["hidden"]), frozenset(step["unwanted"]))
        self.control.put_controls(step["user"], chosen)

    def _do_erase(self, step: Record) -> None:
        self.control.erase_user(step["user"])
        self.state.real.erase(step["user"])

    def _do_saw(self, step: Record) -> None:
        self.state.real.append([Event(step["id"], step["user"], step["item_id"], timestamp=self._now)])

    def _do_upsert(self, step: Record) -> None:
        """As the API takes it: only the role safety loosens what a known work is judged by."""
        records = [{**timed(step["record"]), **({LOOSENS: True} if step["loosens"] else {})}]
        if not step["loosens"]:
            view = self.engine.live.view()
            records = tightened(view.gate, view.ids, view.record, records)
        self.control.upsert_items(records, "platform")


@cache
def _template() -> "tempfile.TemporaryDirectory[str]":
    """An empty control store, migrated once and copied for each world."""
    folder = tempfile.TemporaryDirectory(prefix="recsys-template-")
    ControlStore.open(Path(folder.name) / "control.db").close()
    return folder
