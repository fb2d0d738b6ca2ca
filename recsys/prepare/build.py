"""``prepare``: from pinned lake tables to a folder of mapped arrays, finished or not there at all."""

import fcntl
import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.data import Dataset
from recsys.dataset.folder import (
    FACTS,
    FORMAT,
    ITEMS,
    PROFILES,
    USERS,
    load_dataset,
    load_facts,
    write_arrow,
    write_ids,
)
from recsys.dataset.profiles import profile_table
from recsys.errors import DataError
from recsys.prepare.rules import write_rules
from recsys.prepare.spec import PrepareSpec

if TYPE_CHECKING:
    from recsys.lake import Lake
    from recsys.prepare.duck import EngineOptions
    from recsys.prepare.log import Facts, Log

TABLES = ("events", "items", "users")


def prepare(
    lake: "Lake",
    spec: PrepareSpec,
    folder: Path,
    versions: Mapping[str, int] | None = None,
    options: "EngineOptions | None" = None,
) -> Dataset:
    """The data set of these lake ``versions`` (default: the newest), mapped from ``folder``.

    A finished folder that was made from the same tables, versions and spec is reused, any other one is replaced. A
    process that is killed leaves the old folder or none. Raises DataError where there are no events, or none are left.
    """
    pinned = _pinned(lake, versions)
    ids = {name: one for name, one in lake.ids().items() if name in pinned}
    made_from = {"lake": str(lake.root), "ids": ids, "versions": pinned, "spec": spec.model_dump(mode="json")}
    with _locked(folder):
        if not _made_from(folder, made_from):
            with _replacing(folder) as fresh:
                facts = _build(lake, spec, fresh, pinned, options)
                _write_facts(fresh, {**facts, "made_from": made_from})  # last: it marks the folder as finished
    return load_dataset(folder)


def _pinned(lake: "Lake", versions: Mapping[str, int] | None) -> dict[str, int]:
    known = lake.versions() if versions is None else versions
    if "events" not in known:
        raise DataError(f"The lake {lake.root} has no events; ingest some first.")
    return {name: int(known[name]) for name in TABLES if name in known}


def _made_from(folder: Path, wanted: Mapping[str, Any]) -> bool:
    try:
        return bool(load_facts(folder).get("made_from") == wanted)
    except DataError:
        return False


def _build(
    lake: "Lake", spec: PrepareSpec, folder: Path, pinned: Mapping[str, int], options: "EngineOptions | None"
) -> dict[str, Any]:
    from recsys.prepare.duck import EngineOptions, connect  # 1 s and 80 MB that a reused folder does not cost
    from recsys.prepare.log import read_log

    with connect(options or EngineOptions(), folder / "spill") as engine:
        log = read_log(engine, lake.files("events", pinned["events"]), spec)
        items = lake.read("items", pinned["items"]) if "items" in pinned else None
        catalogue = catalogue_of(items, log.items)
        facts = log.export(catalogue.table["item_id"].combine_chunks(), folder)
    shutil.rmtree(folder / "spill", ignore_errors=True)
    catalogue.save(folder / ITEMS)
    write_ids(folder / USERS, "user_id", log.users)
    if "users" in pinned:
        write_arrow(folder / PROFILES, profile_table(lake.read("users", pinned["users"])))
    write_rules(folder, log.rules)
    has_labels = items is not None and "labels" in items.column_names
    return {**_plain(log, facts), "items": len(catalogue), "has_labels": has_labels, "returns": spec.returns}


def catalogue_of(items: pa.Table | None, seen: pa.Array) -> Catalogue:
    """The items table and the items that only occur in events, sorted by id; raises DataError for an id given twice."""
    if items is None:
        return Catalogue.bare(pc.array_take(seen, pc.array_sort_indices(seen)).to_pylist())
    known = Catalogue(items)
    ids = known.table["item_id"]
    if pc.count_distinct(ids).as_py() != len(ids):
        twice = pc.value_counts(ids).to_pylist()
        name = next(entry["values"] for entry in twice if entry["counts"] > 1)
        raise DataError(f"The items table holds {name!r} more than once; ingest it again, which keeps the newest row.")
    others = pc.array_filter(seen, pc.invert(pc.is_in(seen, value_set=ids.combine_chunks())))
    every = known.extended(Catalogue.bare(others.to_pylist())).table
    return Catalogue(every.take(pc.sort_indices(every, sort_keys=[("item_id", "ascending")])))


def _plain(log: "Log", facts: "Facts") -> dict[str, Any]:
    return {
        "counts": {**log.counts, "positives": facts.positives, "untimed": facts.untimed},
        "kinds": log.kinds,
        "users": len(log.users),
        "at": None if math.isnan(facts.at) else facts.at,
        "ordered": log.ordered,
    }


def _write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    text = json.dumps({"format": FORMAT, **facts}, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / FACTS).write_text(text + "\n", "utf-8")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process at a time prepares a folder; the lock goes when its holder does."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A folder beside ``folder`` that takes its place at the end; under the lock, so older ones are leftovers."""
    for leftover in folder.parent.glob(f".{folder.name}.part-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.part-", dir=folder.parent))
    try:
        yield fresh
        if folder.exists():
            folder.rename(Path(tempfile.mkdtemp(prefix=f".{folder.name}.part-", dir=folder.parent)) / "old")
        fresh.rename(folder)
    finally:
        for leftover in folder.parent.glob(f".{folder.name}.part-*"):
            shutil.rmtree(leftover, ignore_errors=True)
