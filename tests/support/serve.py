"""A small bundle of real models and an engine over real stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from recsys.bundle import Bundle, Facts, load_bundle, write_bundle
from recsys.clock import Clock, fixed_clock
from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.models.recipe import FitContext, parse
from recsys.pipeline import Pipeline
from recsys.prepare.spec import EventRule
from recsys.rerank import Rerank
from recsys.safety import Effective, Gate, Policy
from serving.current import Live
from serving.engine import Engine
from serving.stores.control import ControlStore
from serving.stores.state import Event, UserState, open_state
from serving.view import View
from support.data import AT, dataset

COLOURS = ("red", "blue")
N_ITEMS = 40


def records(labels: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Forty works of two colours; every fourth is for adults."""
    return [
        {
            "item_id": f"i{i:02}",
            "title": f"{COLOURS[i % 2].title()} {i}",
            "genres": [COLOURS[i % 2]],
            "authors": [f"author {i % 7}"],
            "min_age": 18 if i % 4 == 0 else None,
            "labels": labels,
        }
        for i in range(N_ITEMS)
    ]


def colour_data():
    """Forty users who each like one colour, with times."""
    events = [
        (f"u{u:02}", f"i{i:02}", float((i * 7 + u) % 30 - 30))
        for u in range(40)
        for i in range(u % 2, N_ITEMS, 2)
        if (u + i) % 5
    ]
    return dataset(events, items=records())


def make_bundle(
    folder: Path,
    *,
    recipes: Sequence[dict[str, Any]] | None = None,
    extra: Mapping[str, Mapping[str, Any]] | None = None,
    rerank: Rerank | None = None,
    **facts: Any,
) -> Bundle:
    """Fit, write and load a bundle: als over popular unless told otherwise. ``extra`` adds columns, values by item."""
    data = colour_data()
    given = recipes or [{"recipe": "als", "factors": 8, "epochs": 5}, {"recipe": "popular", "half_life_days": 30.0}]
    ctx = FitContext()
    sources = tuple(ctx.fit(parse(params), data) for params in given)
    catalogue = data.catalogue
    for name, values in (extra or {}).items():
        column = pa.array([values.get(item) for item in catalogue.ids.ids])
        table = catalogue.table
        others = table.drop_columns([name]) if name in table.column_names else table
        catalogue = Catalogue(others.append_column(name, column))
    pipeline = Pipeline(catalogue, sources, ContentSpace.fit(catalogue), rerank or Rerank())
    told: dict[str, Any] = {
        "lake": "nowhere",
        "lake_versions": {"events": 0},
        "spec": "test",
        "recipe": sources[0].recipe.params(),
        "split": "none",
        "metrics": {},
        "rules": {"view": EventRule()},
        "at": AT,
        **facts,
    }
    write_bundle(folder, pipeline, Facts(**told))
    return load_bundle(folder)


@dataclass
class Stand:
    """An engine with its stores in a folder."""

    bundle: Bundle
    control: ControlStore
    state: UserState
    engine: Engine

    def saw(self, user: str, *items: str) -> None:
        """A user had these items just now."""
        self.state.append([Event(f"{user}-{item}", user, item, timestamp=AT - 1) for item in items])


def stand(folder: Path, bundle: Bundle, clock: Clock = fixed_clock(AT), policy: str = "open") -> Stand:
    """An engine over fresh SQLite stores in ``folder``."""
    control = ControlStore.open(folder / "control.db", clock)
    state = open_state(folder / "state.db")
    return Stand(bundle, control, state, Engine(Live(bundle, control, clock, policy=policy), control, state, clock))


def under(view: View, policy: Policy, labels: Sequence[str] = ()) -> View:
    """A view under another policy, with every work labelled by a person."""
    given = tuple(Effective(label, None, None, "human", None) for label in labels)
    said = dict.fromkeys(view.ids.ids, given)
    gate = Gate.compile(view.bundle.catalogue, policy, view.gate.clock, labels=said)
    return replace(view, policy=policy, gate=gate)
