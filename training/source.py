"""The data of a run: pinned lake versions, prepared once, cut into windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recsys.dataset.data import Dataset, Split
from recsys.dataset.splits import splits
from recsys.lake import Lake
from recsys.prepare import load_facts, load_rules, prepare
from recsys.prepare.build import TABLES
from recsys.prepare.spec import EventRule
from training.news import by_the_hour
from training.spec import RunSpec
from training.state import State


@dataclass(frozen=True, eq=False)
class Source:
    """A prepared data set, and where it came from."""

    lake: str  # URI or absolute path without links
    versions: Mapping[str, int]  # by table
    ids: Mapping[str, str]  # by table
    data: Dataset
    windows: list[Split]
    rules: Mapping[str, EventRule]  # resolved
    has_labels: bool  # whether any items file had a label column


def open_source(lake: str, spec: RunSpec, state: State) -> Source:
    """Prepare the newest version of a lake under ``var/prepared``, or map what was prepared from it before.

    Raises DataError where the lake has no events.
    """
    store = Lake(lake if "://" in lake else Path(lake).resolve())
    versions = {table: version for table, version in store.versions().items() if table in TABLES}
    ids = {table: one for table, one in store.ids().items() if table in TABLES}
    folder = state.prepared(store.root, versions, ids, spec.prepare)
    data = prepare(store, spec.prepare, folder, versions)
    has_labels = bool(load_facts(folder)["has_labels"])
    return Source(
        store.root, versions, ids, data, splits(data, by_the_hour(spec.split, data)), load_rules(folder), has_labels
    )
