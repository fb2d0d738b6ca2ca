"""``drift``: everything that moved between two versions of one lake."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from recsys.bundle import load_bundle
from recsys.dataset.data import Dataset
from recsys.lake import Lake
from recsys.prepare import prepare
from recsys.prepare.build import TABLES
from recsys.prepare.spec import PrepareSpec
from training.drift.data import data_drift
from training.drift.limits import DriftLimits
from training.drift.lists import list_drift
from training.drift.report import DriftReport
from training.state import State


def drift(
    lake: str,
    older: Mapping[str, int],
    newer: Mapping[str, int],
    state: State,
    *,
    limits: DriftLimits,
    bundle: Path | None = None,
    spec: PrepareSpec | None = None,
) -> DriftReport:
    """Compare the data of two versions, and with ``bundle`` the lists that it makes for their histories.

    Raises DataError for a version that the lake does not have, StoreError for one that an erasure took.
    """
    store = Lake(lake if "://" in lake else Path(lake).resolve())
    state.root.mkdir(parents=True, exist_ok=True)
    if dict(older) == dict(newer):
        return DriftReport(store.root, dict(older), dict(newer), 0, (), limits)
    with tempfile.TemporaryDirectory(prefix=".drift.", dir=state.root) as spill:
        new_events, measures = data_drift(store, older, newer, limits, Path(spill))
    loaded = None if bundle is None or not new_events else load_bundle(bundle)
    if loaded is not None:
        rules = spec or PrepareSpec(events=loaded.manifest.rules, returns=loaded.manifest.returns)
        before, after = (_prepared(store, versions, state, rules) for versions in (older, newer))
        measures += list_drift(loaded, before, after, limits)
    version = None if loaded is None else loaded.version
    return DriftReport(store.root, dict(older), dict(newer), new_events, tuple(measures), limits, version)


def _prepared(store: Lake, versions: Mapping[str, int], state: State, spec: PrepareSpec) -> Dataset:
    """The data of one version, where training keeps it."""
    pinned = {table: version for table, version in versions.items() if table in TABLES}
    ids = {table: one for table, one in store.ids().items() if table in pinned}
    return prepare(store, spec, state.prepared(store.root, pinned, ids, spec), pinned)
