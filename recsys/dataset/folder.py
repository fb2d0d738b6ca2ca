"""A data set on disk: plain .npy and Arrow files that every process maps and shares."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset
from recsys.dataset.ids import IdMap
from recsys.dataset.profiles import Profiles
from recsys.errors import DataError
from recsys.types import IntArray

FORMAT = 1
FACTS, USERS, ITEMS, PROFILES = "facts.json", "users.arrow", "items.arrow", "profiles.arrow"
ARRAYS: dict[str, np.dtype[Any]] = {
    "user": np.dtype(np.int32),
    "item": np.dtype(np.int32),
    "time": np.dtype(np.float64),  # s UTC, NaN if unknown
    "weight": np.dtype(np.float32),
    "positive": np.dtype(np.bool_),
    "session": np.dtype(np.int32),  # numbered over all users, in the order of events
}


def load_dataset(folder: Path) -> Dataset:
    """Map what ``prepare`` wrote; raises DataError where the folder is missing, unfinished or of another format."""
    facts = load_facts(folder)
    try:
        arrays = {name: load_array(folder, name) for name in ARRAYS if name != "session"}
        users = IdMap(_read_arrow(folder / USERS)["user_id"].to_pylist())
        catalogue = Catalogue.load(folder / ITEMS)
        profiles = Profiles.load(folder / PROFILES) if (folder / PROFILES).exists() else {}
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"The prepared data in {folder} cannot be read ({error}); delete it and run again.") from None
    at = float("nan") if facts["at"] is None else float(facts["at"])
    return Dataset(
        users, catalogue, **arrays, profiles=profiles, at=at, returns=facts["returns"], ordered=facts["ordered"]
    )


def load_array(folder: Path, name: str) -> Any:
    """One of ARRAYS, mapped read-only."""
    mapped = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return mapped.view(np.ndarray)  # still mapped; slices of the memmap class cost ten times as much


def load_sessions(folder: Path) -> IntArray:
    """(events,) the session of each event: equal within one session of one user, counting up over the data set."""
    sessions: IntArray = load_array(folder, "session")
    return sessions


def load_facts(folder: Path) -> dict[str, Any]:
    """What ``prepare`` found: counts, the newest time, whether items have labels, what the data was made from."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} holds no prepared data set ({error}); prepare it again.") from None
    if facts.get("format") != FORMAT:
        raise DataError(
            f"{folder} holds a data set of format {facts.get('format')}, and {FORMAT} is read here; delete it."
        )
    return facts


def write_ids(path: Path, column: str, ids: pa.Array) -> None:
    """An Arrow file with one column of ids in index order."""
    write_arrow(path, pa.table({column: ids}))


def write_arrow(path: Path, table: pa.Table) -> None:
    """An uncompressed Arrow file, which processes map and share."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read_arrow(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
