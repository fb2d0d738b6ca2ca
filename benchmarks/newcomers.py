"""Items held out whole with their events, and what three sides make of their content."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from benchmarks.contest import THREADS, context
from recsys.content import ContentSpace, Vocabulary
from recsys.content.years import FINE_YEARS
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset, Holdout
from recsys.errors import FitError
from recsys.models.recipe import parse
from recsys.types import BoolArray, FloatArray

Settings = Mapping[str, Any]
SHARE = 0.2  # of the items
TOLD = ("features", "fine_years")  # settings that say what peers are told of an item
YEAR = re.compile(r"\((\d{4})\)\s*$")


@dataclass(frozen=True, eq=False)
class Task:
    """Train has no event of the ``held`` items; each question is about those of them that a user had."""

    train: Dataset
    asked: Holdout
    held: BoolArray  # (items,)
    warm: BoolArray  # (items,) with an event in train


Side = Callable[[Task, Settings], FloatArray]  # gives scores (queries, items)


def dated(data: Dataset) -> Dataset:
    """The data with the year at the end of a title, as in "Alien (1979)", as a field, for all sides alike."""
    found = [YEAR.search(title or "") for title in data.catalogue.column("title")]
    table = data.catalogue.table
    years = pa.array([int(year[1]) if year else None for year in found], pa.int32())
    return replace(data, catalogue=Catalogue(table.set_column(table.column_names.index("year"), "year", years)))


def held_out(data: Dataset, seed: int, among: BoolArray | None = None) -> Task:
    """A fifth of the items (of ``among``) set aside. Asked are users with an event on either side."""
    pool = np.flatnonzero(among if among is not None else np.bincount(data.item, minlength=data.n_items) > 0)
    held = np.zeros(data.n_items, np.bool_)
    held[np.random.default_rng(seed).choice(pool, round(SHARE * len(pool)), replace=False)] = True
    of_held = held[data.item]
    train = data.subset(~of_held)
    rest = data.subset(of_held)
    warm = np.bincount(train.item, minlength=data.n_items) > 0
    users = np.intersect1d(train.user, rest.user).astype(np.int32)
    asked = Holdout(
        users=users,
        queries=[train.query(user) for user in users],
        truth=[rest.seen(user) for user in users],
        exclude=[train.seen(user) for user in users],
        seen_items=warm,
    )
    return Task(train, asked, held, warm)


def ours(task: Task, settings: Settings) -> FloatArray:
    """A recipe of this project."""
    model = parse(settings).fit(task.train, context())
    scores: FloatArray = model.score(task.asked.queries, np.arange(task.train.n_items, dtype=np.int32))
    return scores


def irspack_ials(task: Task, settings: Settings) -> FloatArray:
    """irspack's iALS with item features; an item without events is what its features amount to."""
    from irspack import IALSRecommender
    from irspack.recommenders._ials_core import FeatureRidgeCholeskyError

    own = {name: value for name, value in settings.items() if name not in TOLD}
    rows, events = _rows(task, settings), task.train.matrix()[:, np.flatnonzero(task.warm)]
    trainer = IALSRecommender(events, item_features=rows[np.flatnonzero(task.warm)], n_threads=THREADS, **own)
    trainer.start_learning()
    try:
        for _ in range(settings["train_epochs"]):  # learn() would draw a bar
            trainer.run_epoch()
    except FeatureRidgeCholeskyError:
        raise FitError("irspack's iALS cannot solve for these features; raise lambda_item_feature.") from None
    items = np.array(trainer.trainer.transform_item_feature(rows))  # type: ignore[union-attr]
    items[task.warm] = trainer.get_item_embedding()
    found: FloatArray = trainer.get_user_embedding()[task.asked.users] @ items.T
    return found


def lightfm(task: Task, settings: Settings) -> FloatArray:
    """LightFM with WARP over ids and features; an item without events has no id that was learned."""
    from lightfm import LightFM

    own = {name: value for name, value in settings.items() if name not in (*TOLD, "epochs")}
    ids = sp.diags(task.warm.astype(np.float32))  # the id of a held item says nothing
    rows = sp.hstack([ids, _rows(task, settings)], "csr", np.float32)
    warm = np.flatnonzero(task.warm)
    model = LightFM(**own, loss="warp", random_state=0)
    model.fit(task.train.matrix()[:, warm].tocoo(), item_features=rows[warm], epochs=settings["epochs"], num_threads=1)
    bias, items = rows @ model.item_biases, rows @ model.item_embeddings
    found: FloatArray = model.user_embeddings[task.asked.users] @ items.T + bias
    return found


def _rows(task: Task, settings: Settings) -> sp.csr_matrix:
    """(items, features): one column a token or the encoded sides, and with ``fine_years`` a bell for every year."""
    catalogue = task.train.catalogue
    space = ContentSpace.fit(catalogue) if settings["features"] == "encoded" else None
    rows = space.features(catalogue) if space is not None else Vocabulary.fit(catalogue).transform(catalogue)
    if not settings["fine_years"]:
        return rows
    share = FINE_YEARS.share if space is not None else 1.0
    return sp.hstack([rows, FINE_YEARS.rows(catalogue) * np.float32(share)], "csr", np.float32)
