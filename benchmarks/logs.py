"""Benchmark logs as data sets, straight from Parquet, and the splits that published figures stand on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.form import Options
from recsys.dataset.catalogue import ITEM_SCHEMA, Catalogue
from recsys.dataset.data import Dataset, Holdout, Split
from recsys.dataset.holdouts import cut_holdout
from recsys.dataset.ids import IdMap
from recsys.dataset.splits import splits
from recsys.dataset.splitspec import SplitSpec
from recsys.errors import DataError
from recsys.types import BoolArray

QUICK_USERS = 300


def folder(options: Options, name: str) -> Path:
    """The folder of one log; DataError says which one is needed."""
    if options.data is None:
        raise DataError(f"This benchmark reads logs of your own; name their folder with --data DIR (DIR/{name}/…).")
    found = options.data / name
    if not found.is_dir():
        raise DataError(f"There is no folder {found}; --data names the folder that holds {name}/ with its Parquet.")
    return found


def read(log: Path, *, users: int | None = None, liked: float | None = None) -> Dataset:
    """The data set of ``events.parquet``, all events liked; only the first ``users`` users where that is given.

    With ``liked`` events of a smaller value are left out.
    The items are those that occur in the events, with what ``items.parquet`` says of them: published figures rank
    these and no others.
    """
    events = pq.read_table(_file(log, "events"))
    if liked is not None:
        events = events.filter(pc.greater_equal(events["value"], liked))
    return _sorted(log, events, users)[0]


def published(log: Path, *, users: int | None = None) -> tuple[Dataset, Holdout]:
    """The data of ``train.parquet`` and the questions of ``test.parquet``: every item is ranked but those of train."""
    parts = [pq.read_table(_file(log, name)) for name in ("train", "test")]
    parts = [
        part.append_column("held", pa.array(np.full(len(part), held))) for part, held in zip(parts, (0, 1), strict=True)
    ]
    both = pa.concat_tables(parts)
    data, held = _sorted(log, both, users)
    train = data.subset(~held)
    return train, cut_holdout(data, train, held, np.full(data.n_users, data.at))


def leave_one_out(data: Dataset) -> Split:
    """The last event of each user is the test, the one before it validation, for users with three or more."""
    return splits(data, SplitSpec(strategy="last"))[0]


def shares(data: Dataset, *, test: float, validation: float, seed: int) -> Split:
    """A seeded share of each user's items."""
    return splits(data, SplitSpec(strategy="random", test=test, validation=validation, seed=seed))[0]


def held_slice(data: Dataset, *, share: float = 0.1, seed: int = 0) -> tuple[Dataset, Holdout]:
    """``data`` without a seeded share of each user's items, and the questions about that share."""
    split = shares(data, test=share, validation=share, seed=seed)
    return split.train_validation, split.test


def sample(holdout: Holdout, queries: int, seed: int = 0) -> Holdout:
    """At most so many questions of a holdout, drawn by ``seed``."""
    return holdout.drawn(queries, np.random.default_rng(seed))


def quick_users(options: Options) -> int | None:
    """How many users a log is cut to, None for all of them."""
    return QUICK_USERS if options.quick else None


def _file(log: Path, name: str) -> Path:
    path = log / f"{name}.parquet"
    if not path.is_file():
        raise DataError(f"{log} holds no {name}.parquet; benchmarks/README.md says what the logs look like.")
    return path


def _sorted(log: Path, events: pa.Table, users: int | None) -> tuple[Dataset, BoolArray]:
    """The data set, and which events (events,) carried ``held``."""
    user, user_ids = _encoded(events["user_id"])
    if users is not None and users < len(user_ids):
        kept = user < users
        events = events.filter(pa.array(kept))
        user, user_ids = user[kept], user_ids[:users]
    item, item_ids = _encoded(events["item_id"])
    time, place, ordered = _moments(events)
    order = np.lexsort((place, user))
    held = np.asarray(events["held"], np.bool_) if "held" in events.column_names else np.zeros(len(user), np.bool_)
    data = Dataset(
        users=IdMap(user_ids),
        catalogue=_catalogue(log, item_ids),
        user=user[order].astype(np.int32),
        item=item[order].astype(np.int32),
        time=time[order],
        weight=np.ones(len(user), np.float32),
        positive=np.ones(len(user), np.bool_),
        profiles=_profiles(log, user_ids),
        at=float(time.max(initial=-np.inf)) if np.isfinite(time).any() else float("nan"),
        ordered=ordered,
    )
    return data, held[order]


def _encoded(column: Any) -> tuple[NDArray[np.int64], list[str]]:
    """Indices in the order of first appearance, and the ids."""
    coded = pc.dictionary_encode(column.combine_chunks())
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    return np.asarray(coded.indices, np.int64), coded.dictionary.to_pylist()


def _moments(events: pa.Table) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Times (events,) in s UTC, what the events of a user are sorted by, and whether that is an order at all."""
    unknown = np.full(len(events), np.nan)
    if "timestamp" in events.column_names:
        micros = events["timestamp"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
        time = np.asarray(micros, np.float64) / 1e6
        return time, time, True
    if "order" in events.column_names:
        return unknown, np.asarray(events["order"], np.float64), True
    return unknown, np.zeros(len(events)), False


def _catalogue(log: Path, item_ids: list[str]) -> Catalogue:
    path = log / "items.parquet"
    if not path.is_file():
        return Catalogue.bare(item_ids)
    table = pq.read_table(path)
    known = [name for name in table.column_names if name in ITEM_SCHEMA.names and name != "year"]
    rows = {row["item_id"]: row for row in table.select(known).to_pylist()}
    return Catalogue.from_records([rows.get(item, {"item_id": item}) for item in item_ids])


def _profiles(log: Path, user_ids: list[str]) -> Mapping[str, Mapping[str, str]]:
    path = log / "users.parquet"
    if not path.is_file():
        return {}
    wanted = set(user_ids)
    rows = (row for row in pq.read_table(path).to_pylist() if row["user_id"] in wanted)
    return {row.pop("user_id"): {name: str(value) for name, value in row.items()} for row in rows}
