"""The real engine over real stores, with a small catalogue, and with faults that can be switched on."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from shutil import copy
from typing import Any, ClassVar

import numpy as np

from benchmarks.worlds.toml import toml
from recsys.bundle import Bundle, Manifest
from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.errors import StoreError
from recsys.models.recipe import FitContext, Model, Recipe
from recsys.overrides import (
    NO_QUOTAS,
    Boost,
    Bury,
    Campaign,
    Caps,
    Exclude,
    Exposure,
    Fill,
    Hours,
    Override,
    Pin,
    Quota,
    QuotaIndex,
    Row,
    parse_audience,
)
from recsys.pipeline import Pipeline
from recsys.prepare.spec import EventRule
from recsys.rerank import Rerank
from recsys.retrieval import top_k
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.safety.rights import Places, Rights, Term
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked, Viewer
from serving.asks import Answer, Ask
from serving.engine import Engine
from serving.stores.control import Controls, ControlStore
from serving.stores.state import Event, History, open_state
from serving.upserts import LOOSENS
from serving.view import Live

Record = dict[str, Any]
TIMES = ("available_from", "available_to", "embargo_until")
MEMORY = Path("/dev/shm")  # where there is one, so that a commit costs no turn of a disk


class FaultError(Exception):
    """What an injected fault raises where no store is involved."""


class First(Recipe):
    """The first source that is tried."""

    name: ClassVar[str] = "first"

    def fit(self, data: Any, ctx: FitContext) -> Model:
        """Never asked for: the scores are told."""
        raise NotImplementedError


class Popular(First):
    """The one by whose order lists are filled."""

    name: ClassVar[str] = "popular"


class Source:
    """A model with told scores: a row that moves on by one for each event of the history; None abstains."""

    def __init__(self, recipe: Recipe, scores: Sequence[float | None], failing: set[str]) -> None:
        self.recipe = recipe
        self._row = np.array([-np.inf if one is None else one for one in scores], np.float32)
        self._name, self._failing = recipe.name, failing

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        """(queries, items)"""
        if {self._name, "score"} & self._failing:
            raise FaultError(self._name)
        return np.array([np.roll(self._row, len(query))[items] for query in queries], np.float32)

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best of what is allowed."""
        if self._name in self._failing:
            raise FaultError(self._name)
        rows = np.array([np.roll(self._row, len(query)) for query in queries], np.float32)
        return top_k(rows, n, allowed, exclude, self._name)

    def save(self, folder: Path) -> None:
        """Told scores are in no file."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Fragile(Pipeline):
    """A pipeline whose rerank stage can fail."""

    failing: set[str] = field(default_factory=set)

    def reranked(self, *given: Any, **more: Any) -> Any:
        """As ever, unless it fails."""
        if "rerank" in self.failing:
            raise FaultError("rerank")
        return super().reranked(*given, **more)


class Control(ControlStore):
    """A control store that can be out of reach."""

    failing: set[str]
    campaigns: Sequence[Campaign] = ()

    def overrides(self, at: float | None = None) -> list[Any]:
        """The overrides and, beside them, the campaigns of the world."""
        return [*super().overrides(at), *self.campaigns]

    def controls(self, user_id: str) -> Controls:
        """A user's choices, unless they cannot be read."""
        if {"controls", "everything"} & self.failing:
            raise StoreError("injected: the control store does not answer")
        return super().controls(user_id)

    def sequence(self) -> int:
        """The newest change, unless it cannot be read."""
        if "everything" in self.failing:
            raise StoreError("injected: the control store does not answer")
        return super().sequence()

    def silent_seconds(self) -> float:
        """Longer than the lease while the fault lasts."""
        return 5.5 if "silent" in self.failing else 0.0


class State:
    """A state store that can be out of reach."""

    def __init__(self, real: Any, failing: set[str]) -> None:
        self.real, self._failing = real, failing

    def history(self, user_id: str, limit: int | None = None) -> History:
        """A user's events."""
        return self._up().history(user_id, limit)  # type: ignore[no-any-return]

    def seen(self, user_id: str) -> Sequence[str]:
        """What a user had."""
        return self._up().seen(user_id)  # type: ignore[no-any-return]

    def profile(self, user_id: str) -> Mapping[str, str]:
        """What is known of a user."""
        return self._up().profile(user_id)  # type: ignore[no-any-return]

    def _up(self) -> Any:
        if {"state", "everything"} & self._failing:
            raise StoreError("injected: the state store does not answer")
        return self.real


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
        self._bundle = _bundle(world, self.failing)
        (folder / "pack.toml").write_text(toml(world["pack"]), encoding="utf-8")
        self.control = Control.open(folder / "control.db", self._clock)
        self.control.failing = self.failing
        self.control.campaigns = [_campaign(one) for one in world["campaigns"]]
        self._quotas = [
            Quota(**{**one, "values": tuple(one["values"]), "surfaces": frozenset(one["surfaces"])})
            for one in world["quotas"]
        ]
        self.state = State(open_state(folder / "state.db"), self.failing)
        live = Live(self._bundle, self.control, self._clock, policy=str(folder / "pack.toml"))
        self.engine = Engine(live, self.control, self.state, self._clock, exposure=Exposure())
        self._watch()

    def close(self) -> None:
        """Give everything back."""
        self.control.close()
        self.state.real.close()
        self._folder.cleanup()

    def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """As the service does it: a fault falls back to a plain list."""
        try:
            return self.engine.recommend(asks)
        except (FaultError, StoreError):
            return [self.engine.impersonal(ask) for ask in asks]

    def tell(self, step: Record) -> None:
        """Something happens to the service; it takes no time."""
        ticks, self.ticks = self.ticks, 0.0
        getattr(self, "_do_" + step["do"])(step)
        self.ticks = step["by"] if step["do"] == "tick" else ticks

    def _clock(self) -> float:
        self._now += self.ticks
        self.readings.append(self._now)
        return self._now

    def _watch(self) -> None:
        """Nobody confirms policies in one process and no store has quotas, so that the view is told of both here."""
        live = self.engine.live
        gate = replace(live.current.gate, confirmed=lambda: self._confirmed)
        quotas = QuotaIndex.compile(self._quotas, live.current.bundle.catalogue.column) if self._quotas else NO_QUOTAS
        live._view = replace(live.current, gate=gate, quotas=quotas)

    def _do_clock(self, step: Record) -> None:
        self._now = step["to"]

    def _do_tick(self, step: Record) -> None:
        """See ``tell``."""

    def _do_confirm(self, step: Record) -> None:
        self._confirmed = step["at"]

    def _do_rebuild(self, step: Record) -> None:
        if "everything" not in self.failing:
            self.engine.live.swap(self._bundle, lambda view: None)
            self._watch()

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
        given = {name: value for name, value in step.items() if name != "do"}
        given |= {"surfaces": frozenset(step["surfaces"]), "territories": frozenset(step["territories"])}
        self.control.put_override(Override(**given, created_at=self._now, created_by="e", reason="r"), "editor")

    def _do_revoke(self, step: Record) -> None:
        self.control.revoke_override(step["id"], "editor", "r")

    def _do_label(self, step: Record) -> None:
        self._said += 1
        given = {name: value for name, value in step.items() if name not in ("do", "lasts")}
        created = self._now + self._said * 1e-3
        expires = None if step["lasts"] is None else created + step["lasts"]
        event = LabelEvent(**given, item_version=PRESENT, created=created, expires=expires)
        self.control.add_labels([event], "officer")

    def _do_rights(self, step: Record) -> None:
        found = Rights(tuple(map(_term, step["grants"])), tuple(map(_term, step["bars"])), source="drawn")
        self.control.put_rights({step["item_id"]: found}, actor="officer", reason="r")

    def _do_controls(self, step: Record) -> None:
        chosen = Controls(step["personalised"], frozenset(step["hidden"]), frozenset(step["unwanted"]))
        self.control.put_controls(step["user"], chosen)

    def _do_saw(self, step: Record) -> None:
        self.state.real.append([Event(step["id"], step["user"], step["item_id"], timestamp=self._now)])

    def _do_upsert(self, step: Record) -> None:
        marks = {LOOSENS: True} if step["loosens"] else {}
        self.control.upsert_items([{**_timed(step["record"]), **marks}], "platform")


def ask_of(step: Record, token: str | None = None) -> Ask:
    """A request as the engine is asked it."""
    return Ask(
        viewer=Viewer(step["surface"], step["territory"], step["age"], step["personalised"]),
        k=step["k"],
        user_id=step["user"],
        session=tuple(step["session"]),
        exclude=tuple(step["exclude"]),
        profile=step["profile"],
        context=step["context"],
        explain=step["explain"],
        similar_to=step["similar_to"],
        deadline=0.0 if step["late"] else float("inf"),
        seed=step["seed"],
        filter=None if step["filter"] is None else step["filter"]["text"],
        series=step["series"],
        page_token=token,
    )


@cache
def _template() -> "tempfile.TemporaryDirectory[str]":
    """An empty control store, migrated once and copied for each world."""
    folder = tempfile.TemporaryDirectory(prefix="recsys-template-")
    ControlStore.open(Path(folder.name) / "control.db").close()
    return folder


def _bundle(world: Record, failing: set[str]) -> Bundle:
    catalogue = Catalogue.from_records([_timed(one) for one in world["items"]])
    recipes: tuple[Recipe, ...] = (First(), Popular())
    sources = tuple(Source(recipe, row, failing) for recipe, row in zip(recipes, world["scores"], strict=True))
    content = ContentSpace.fit(catalogue) if world["content"] else None
    explored = {"slots": 2, "epsilon": world["exploration"]}
    rerank = Rerank.model_validate({"diversity": world["diversity"], "exploration": explored})
    pipeline = Fragile(catalogue, sources, content, rerank, failing)
    manifest = Manifest(
        lake="nowhere",
        lake_versions={},
        spec="drawn",
        recipe={},
        split="none",
        metrics={},
        rules={"view": EventRule()},
        returns=world["returns"],
        at=world["now"],
        format=1,
        version="drawn",
        created_at=datetime.fromtimestamp(world["now"], UTC),
        n_items=len(catalogue),
        sources=tuple(recipe.name for recipe in recipes),
        files={},
    )
    return Bundle(Path("nowhere"), manifest, pipeline)


def _campaign(one: Record) -> Campaign:
    return Campaign(
        one["id"],
        tuple(map(_action, one["actions"])),
        surfaces=frozenset(one["surfaces"]),
        territories=frozenset(one["territories"]),
        audience=None if one["audience"] is None else parse_audience(one["audience"]["text"]),
        start=one["start"],
        end=one["end"],
        zone=one["zone"],
        hours=None if one["hours"] is None else Hours(opens=one["hours"][0], closes=one["hours"][1]),
        priority=one["priority"],
        caps=Caps(user_day=one["user_day"]),
        share=one["share"],
    )


def _action(one: Record) -> Any:
    kind, given = one["kind"], {name: value for name, value in one.items() if name not in ("kind", "pool", "size")}
    if kind == "row":
        return Row(title="A row", pool=tuple(one["pool"]), size=one["size"], **given)
    if kind == "fill":
        return Fill(pool=tuple(one["pool"]), quota=one["size"], **given)
    return {"pin": Pin, "boost": Boost, "bury": Bury, "exclude": Exclude}[kind](**given)


def _timed(record: Record) -> Record:
    """Times as the catalogue has them."""
    given = {name: datetime.fromtimestamp(record[name], UTC) for name in TIMES if record.get(name) is not None}
    return {name: value for name, value in {**record, **given}.items() if value is not None}


def _term(term: Record) -> Term:
    opens = -np.inf if term["opens"] is None else _local(term["opens"])
    closes = np.inf if term["closes"] is None else _local(term["closes"])
    return Term(Places(frozenset(term["codes"]), but=term["but"]), opens, closes, use="window")


def _local(when: float | str) -> Any:
    return datetime.fromisoformat(when) if isinstance(when, str) else when
