"""What the serving benchmarks serve: a champion, users with histories, editors' overrides and a key, made once."""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.form import Options
from benchmarks.logs import folder
from benchmarks.product import ingested
from benchmarks.tuning import VAR
from recsys.bundle import MANIFEST, Bundle, Facts, load_bundle, sha256_of, write_bundle
from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError
from recsys.models.als import ALS, ALSModel
from recsys.models.blend import Blend
from recsys.models.recipe import Model
from recsys.models.two_tower import TwoTower, TwoTowerModel
from recsys.models.two_tower.profiles import ProfileTokens
from recsys.overrides import Override
from recsys.pipeline import Pipeline
from recsys.prepare.spec import EventRule
from recsys.types import FloatArray
from serving.stores.control import ControlStore
from serving.stores.state import Event, open_state

CASES = ("single", "default")
HISTORY, K = 50, 20
USERS, ITEMS, FACTORS = 2_000, 100_000, 128
QUICK_MINUTES = 0.5
_READY = "ready.json"
_GENRES = ("drama", "comedy", "history", "science", "crime", "poetry", "music", "travel")


@dataclass(frozen=True)
class Case:
    """A folder that `recsys serve` can serve as ``RECSYS_VAR``."""

    name: str
    var: Path
    key: str  # of role platform
    users: tuple[str, ...]

    @property
    def bundle(self) -> Bundle:
        """The champion."""
        return load_bundle(Path(json.loads((self.var / "champion.json").read_text())["path"]))

    def histories(self) -> dict[str, list[int]]:
        """The dense items of each user."""
        state, ids = open_state(self.var / "state.db"), self.bundle.catalogue.ids
        found = {user: ids.dense(state.history(user).items).tolist() for user in self.users}
        state.close()
        return found

    def body(self, user: str) -> bytes:
        """A request for a list."""
        return json.dumps({"user_id": user, "k": K, "age": 30, "surface": "feed", "territory": "DE"}).encode()


def case_of(name: str, options: Options) -> Case:
    """A case, made where it is not there yet."""
    var = (VAR / "serving" / f"{name}{'-quick' if options.quick else ''}").absolute()
    ready = var / _READY
    if not ready.is_file():
        var.mkdir(parents=True, exist_ok=True)
        bundle = _MAKERS[name](var, options)
        users = _fill_state(var, bundle)
        told = {"key": _fill_control(var, bundle), "users": users}
        ready.write_text(json.dumps(told))
    told = json.loads(ready.read_text())
    return Case(name, var, told["key"], tuple(told["users"]))


def factors(items: int, rng: np.random.Generator) -> FloatArray:
    """(items, 128) of rank 16 with noise of a third of it, as learned embeddings are."""
    low = rng.standard_normal((items, 16), np.float32) @ rng.standard_normal((16, FACTORS), np.float32) / 4
    return np.asarray((low + 0.3 * rng.standard_normal((items, FACTORS), np.float32)) / np.sqrt(FACTORS), np.float32)


def _single(var: Path, options: Options) -> Bundle:
    """One embedding model over generated items: 100k of 128 factors."""
    rng = np.random.default_rng(0)
    n = 5_000 if options.quick else ITEMS
    vectors = factors(n, rng)
    model = TwoTowerModel(
        TwoTower(factors=FACTORS, max_history=HISTORY),
        ProfileTokens(()),
        vectors,
        np.zeros(n, np.float32),
        vectors,
        np.zeros((1, FACTORS), np.float32),
        np.exp2(-np.arange(HISTORY) / 10).astype(np.float32),
        np.ones(n, np.bool_),
    )
    return _generated(var, model, _catalogue(n, rng))


def _naive(var: Path, options: Options) -> Bundle:
    """What `implicit` can serve too: als over as many generated items."""
    rng = np.random.default_rng(0)
    n = 5_000 if options.quick else ITEMS
    vectors = factors(n, rng)
    model = ALSModel(ALS(factors=FACTORS, alpha=4.0, reg=5_000.0), vectors, vectors.T @ vectors, np.ones(n, np.bool_))
    return _generated(var, model, _catalogue(n, rng))


def _generated(var: Path, model: Model, catalogue: Catalogue) -> Bundle:
    facts = Facts(
        lake="generated",
        lake_versions={},
        spec="generated",
        recipe=model.recipe.params(),
        split="none",
        metrics={},
        rules={"view": EventRule()},
    )
    path = var / "bundles" / "generated"
    shutil.rmtree(path, ignore_errors=True)  # of a run that was broken off
    write_bundle(path, Pipeline(catalogue, (model,)), facts)
    return _crowned(var, path)


def _catalogue(n: int, rng: np.random.Generator) -> Catalogue:
    genres = [list(pair) for pair in zip(rng.choice(_GENRES, n), rng.choice(_GENRES, n), strict=True)]
    return Catalogue(
        pa.table(
            {
                "item_id": [f"item-{at}" for at in range(n)],
                "title": [f"The {genres[at][0]} of number {at}" for at in range(n)],
                "media_type": ["book"] * n,
                "year": pa.array(rng.integers(1950, 2025, n), pa.int32()),
                "language": rng.choice(("zh", "en", "fr"), n).tolist(),
                "genres": genres,
                "authors": [[f"Author {at}"] for at in rng.integers(0, n // 10, n)],
                "min_age": pa.array(np.where(rng.random(n) < 0.1, 18, 0), pa.int32()),
            }
        )
    )


def _default(var: Path, options: Options) -> Bundle:
    """The whole default spec at once: its blend with every part that is for this log, the ranker among them.

    On its own merits a part alone may win, and that would be cheaper to serve; so each part has the same say here. What
    the parts leave open is chosen on validation within the time that the spec has, and refitted on all events.
    """
    # imported here: only whoever trains needs them
    from recsys.content import ContentSpace
    from recsys.models.recipe import FitContext
    from training.source import open_source
    from training.spec import load_spec
    from training.state import State

    lake = ingested(folder(options, "goodbooks-10k"), options)
    source = open_source(str(lake), load_spec("default"), State(var))
    spec, _ = load_spec("default", [f"budget.minutes={QUICK_MINUTES}"] if options.quick else []).for_log(source.data)
    blend = spec.models["blend"]
    if not isinstance(blend, Blend):
        raise ConfigError("The default spec has no blend; serve another one.")
    even = blend.model_copy(update={"weights": (1.0,) * len(blend.parts)})
    split = source.windows[-1]
    until = time.monotonic() + 60 * spec.budget.minutes
    chosen = FitContext(seed=spec.seed, holdout=split.validation, until=until).fit(even, split.train).recipe
    exact = FitContext(seed=spec.seed)
    sources = tuple(exact.fit(recipe, source.data) for recipe in (chosen, spec.models["popular"]))
    facts = Facts(
        lake=str(lake),
        lake_versions=dict(source.versions),
        spec="default",
        recipe=chosen.params(),
        split=split.name,
        metrics={},
        rules=dict(source.rules),
    )
    path = var / "bundles" / "default"
    shutil.rmtree(path, ignore_errors=True)
    content = ContentSpace.fit(source.data.catalogue, spec.content, seed=spec.seed)
    write_bundle(path, Pipeline(source.data.catalogue, sources, content, spec.rerank), facts)
    return _crowned(var, path)


_MAKERS = {"single": _single, "default": _default, "naive": _naive}


def _crowned(var: Path, path: Path) -> Bundle:
    """The bundle in ``path``, made the champion of ``var``."""
    bundle = load_bundle(path)
    champion = {"version": bundle.version, "path": str(path), "manifest_sha256": sha256_of(path / MANIFEST)}
    (var / "champion.json").write_text(json.dumps(champion))
    return bundle


def _fill_state(var: Path, bundle: Bundle) -> Sequence[str]:
    """Users with fifty events each."""
    state = open_state(var / "state.db")
    rng, ids = np.random.default_rng(1), bundle.catalogue.ids.ids
    now = bundle.manifest.at or 1.7e9
    users = [f"user-{at}" for at in range(USERS)]
    for user in users:
        had = rng.choice(len(ids), min(HISTORY, len(ids) // 2), replace=False)
        events = [
            Event(f"{user}-{item}", user, ids[item], timestamp=now - 3600.0 * (HISTORY - place))
            for place, item in enumerate(had.tolist())
        ]
        state.append(events, pending=False)
    state.close()
    return users


def _fill_control(var: Path, bundle: Bundle) -> str:
    """Overrides of every action, some takedowns, and a key; gives its token."""
    control = ControlStore.open(var / "control.db")
    ids = bundle.catalogue.ids.ids
    for place, (action, given) in enumerate(_OVERRIDES):
        control.put_override(_override(f"{action}-{place}", action, ids[10 + place], given), "benchmark")
    for item in ids[:5]:
        control.take_down(item, reason="benchmark", actor="benchmark")
    token = control.create_key("benchmark", "platform", "benchmark")
    control.close()
    return token


_OVERRIDES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("pin", {"slot": 3}),
    ("boost", {"factor": 1.5}),
    ("boost", {"factor": 2.0}),
    ("bury", {"factor": 0.5}),
    ("exclude", {}),
    ("exclude", {}),
)


def _override(name: str, action: Any, item: str, given: dict[str, Any]) -> Override:
    return Override(
        id=name,
        action=action,
        item_id=item,
        slot=given.get("slot"),
        factor=given.get("factor"),
        surfaces=frozenset(),
        territories=frozenset(),
        start=0.0,
        end=4e9,
        priority=0,
        created_by="benchmark",
        created_at=0.0,
        reason="benchmark",
    )
