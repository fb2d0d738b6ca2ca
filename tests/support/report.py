"""The facts of a small run, as ``report.json`` holds them."""

from copy import deepcopy
from functools import cache
from typing import Any

from recsys.dataset.data import Dataset, Split
from support.data import dataset, holdout
from support.models import Told
from training.report import facts, lists
from training.report import values as table_values
from training.selection import Arena, Contest, hold
from training.source import Source
from training.spec import RunSpec

WORKS = [
    {"item_id": "a", "title": "霸王别姬", "genres": ["drama"], "provider": "p"},
    {"item_id": "b", "title": "<script>alert('b')</script>", "genres": ["comedy"], "provider": "q"},
    {"item_id": "c", "title": "Casablanca", "genres": ["drama", "war"], "provider": "p", "year": 1942},
    {"item_id": "d", "genres": ["war"], "provider": "q"},
]
SECRETS = ("secret-1", "secret-2", "secret-3")  # user ids
SPEC = RunSpec(
    name="<i>mine</i>",
    models={"good": Told(scores=(1, 4, 3, 2)), "bad": Told(scores=(4, 1, 2, 3))},
    metric="ndcg@2",
    k=2,
)


def log(works: list[dict[str, Any]] | None = None) -> Dataset:
    """Three users had ``a`` on three days; nobody had the others yet."""
    events = [(user, "a", day) for user in SECRETS for day in (-3, -2, -1)]
    return dataset(events, items=works or WORKS)


def window(data: Dataset) -> Split:
    """Everybody liked ``b`` next, and one of them ``d`` too."""
    asked = holdout(data, {user: ["b", "d"] if user == SECRETS[0] else ["b"] for user in SECRETS})
    return Split("last", data, asked, data, asked)


def contest(data: Dataset, spec: RunSpec = SPEC) -> tuple[Arena, Contest]:
    """``good`` ranks ``b`` first, ``bad`` ranks it last."""
    arena = Arena([window(data)], spec)
    return arena, hold(arena, lambda section: arena.trial(section, spec.models[section]))


def source(data: Dataset, **other: Any) -> Source:
    """Where the data are said to come from."""
    known = {"lake": "/lake", "versions": {"events": 7}, "ids": {"events": "e"}, "rules": {}, "has_labels": False}
    return Source(data=data, windows=[window(data)], **{**known, **other})


def report(**other: Any) -> dict[str, Any]:
    """``report.json`` of that run, with parts replaced."""
    return {**deepcopy(_report()), **other}


@cache
def _report() -> dict[str, Any]:
    data = log()
    arena, held = contest(data)
    curves = {"good": [(0, step, {"loss": 1 / step}) for step in (1, 2, 3)]}
    values = facts.gather(source(data), held, SPEC, table_values(held, SPEC), curves=curves, git=None)
    split = arena.windows[-1]
    shown = lists.observe(arena.model(held.best.resolved), split.test, split.train_validation, k=2, seed=0)
    return {**values, "lists": facts.finite(shown)}
