"""A small bundle of made-up works, for benchmarks of serving that need no real log."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from recsys.bundle import Facts, write_bundle
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset
from recsys.dataset.ids import IdMap
from recsys.models.recipe import FitContext, parse
from recsys.pipeline import Pipeline

AT = 1_700_000_000.0
EVENTS = 20_000


def write_works(folder: Path, items: int, *, seed: int = 0) -> Path:
    """``items`` works w00000, w00001, …, the first ones most popular, and als over popular; gives the folder."""
    rng = np.random.default_rng(seed)
    users = 500
    item = np.minimum(rng.zipf(1.3, EVENTS) - 1, items - 1).astype(np.int32)
    user = np.sort(rng.integers(0, users, EVENTS)).astype(np.int32)
    records = [{"item_id": f"w{n:05}", "title": f"Work {n}", "genres": [f"g{n % 7}"]} for n in range(items)]
    data = Dataset(
        users=IdMap([f"u{n:04}" for n in range(users)]),
        catalogue=Catalogue.from_records(records),
        user=user,
        item=item,
        time=np.full(EVENTS, AT),
        weight=np.ones(EVENTS, np.float32),
        positive=np.ones(EVENTS, np.bool_),
        profiles={},
        at=AT,
        returns=False,
    )
    return write_fitted(folder, data, {"recipe": "als", "factors": 16, "epochs": 2}, {"recipe": "popular"})


def write_fitted(folder: Path, data: Dataset, *recipes: Mapping[str, Any]) -> Path:
    """A bundle of these recipes in this order, fitted to ``data``; gives the folder."""
    fit = FitContext()
    sources = tuple(fit.fit(parse(dict(recipe)), data) for recipe in recipes)
    facts = Facts(
        lake="nowhere",
        lake_versions={"events": 0},
        spec="benchmark",
        recipe=sources[0].recipe.params(),
        split="none",
        metrics={},
        at=data.at,
    )
    write_bundle(folder, Pipeline(data.catalogue, sources), facts)
    return folder
