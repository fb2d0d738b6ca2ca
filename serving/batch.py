"""Lists for many users at once, by the same engine and gate, into one Parquet file."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from recsys.bundle import Bundle, load_bundle
from recsys.clock import Clock, fixed_clock, system_clock, to_datetime
from recsys.errors import ConfigError, DataError, StoreError
from recsys.lake import Lake
from recsys.overrides import is_cold_start
from recsys.types import Viewer
from serving.asks import Answer, Ask
from serving.building import compiled
from serving.champion import load_champion, read_champion
from serving.current import Live
from serving.engine import Engine
from serving.histories import LakeHistories
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.view import View

log = structlog.get_logger()

CHUNK = 256
META = b"recsys"
LABEL_SOURCES = b"recsys_label_sources"  # JSON in the file's own metadata: item id → label → who gave it
BATCH = Viewer("batch")
SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("labels", pa.list_(pa.string()), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Job:
    """One batch run. ``users`` None means everybody in the lake."""

    out: Path
    users: Sequence[str] | None
    k: int = 10
    bundle: Path | None = None
    lake: str | None = None
    at: float | None = None
    viewer: Viewer = BATCH


def recommend(job: Job, settings: Settings, progress: Callable[[int, int], None] = lambda done, total: None) -> int:
    """Write the lists of a job and return how many users got one; the file appears whole or not at all."""
    if job.k < 1:
        raise ConfigError(f"--k is {job.k}; ask for at least 1 item.")
    bundle = the_bundle(job.bundle, settings)
    lake, versions = _lake(job, bundle)
    histories = LakeHistories(lake, versions, job.at)
    at = _moment(job, histories, bundle)
    now = at if job.at is not None or settings.clock == "events" else max(at, system_clock())
    clock = fixed_clock(now)  # rights and overrides go by it; ranking goes by ``at``, the log's own time
    with the_control(settings, clock) as control:
        live = Live(bundle, control, clock, policy=settings.policy)
        engine = Engine(live, control, histories, clock, at=at, max_history=settings.max_history)
        view = _without_budget(live.view(), control)
        histories.without(control.erased_since(0))
        users = list(histories.users() if job.users is None else job.users)
        writer = Writer(job.out, metadata(view, job.viewer, at, now))
        try:
            for start in range(0, len(users), CHUNK):
                chunk = users[start : start + CHUNK]
                answers = engine.recommend_on(view, [Ask(job.viewer, job.k, user_id=user) for user in chunk])
                writer.add(chunk, answers)
                progress(min(start + CHUNK, len(users)), len(users))
        except BaseException:
            writer.discard()
            raise
        writer.publish()
    return len(users)


def _without_budget(view: View, control: ControlStore) -> View:
    """The view without the budget of new works: nobody counts what of a file is shown, so it would have no end."""
    orders = [order for order in control.orders() if not is_cold_start(order.id)]
    return replace(view, overrides=compiled(view, orders))


def the_bundle(path: Path | None, settings: Settings) -> Bundle:
    """The bundle asked for, or the champion."""
    given = path or settings.bundle
    if given is not None:
        return load_bundle(given)
    champion = read_champion(settings.var)
    if champion is None:
        raise ConfigError(f"No model is published under {settings.var}; train one or give --bundle DIR.")
    return load_champion(champion)


@contextmanager
def the_control(settings: Settings, clock: Clock = system_clock) -> Iterator[ControlStore]:
    """The control store; an embedded one that does not exist is empty and is not created."""
    location = settings.control_location()
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(location, Path) and not location.exists():
            location = Path(folder) / "control.db"
        control = ControlStore.open(location, clock)
        try:
            yield control
        finally:
            control.close()


def _lake(job: Job, bundle: Bundle) -> tuple[Lake, dict[str, int]]:
    lake = Lake(job.lake or bundle.manifest.lake)
    if not lake.has("events"):
        raise DataError(f"{lake.root} holds no events table; give the lake that `recsys ingest` filled.")
    if job.lake is not None:
        return lake, lake.versions()
    pinned = dict(bundle.manifest.lake_versions)
    try:
        lake.files("events", pinned.get("events"))
    except StoreError:
        # An erasure takes every version that held the user; what is left is in the newest one.
        log.warning("lake_version_gone", pinned=pinned, used=lake.versions())
        return lake, lake.versions()
    return lake, pinned


def _moment(job: Job, histories: LakeHistories, bundle: Bundle) -> float:
    """``--at``, else the newest event of what was read: decayed counts on old logs must not be zero."""
    moments = (job.at, histories.newest, bundle.manifest.at)
    return next((moment for moment in moments if moment is not None), system_clock())


def metadata(view: View, viewer: Viewer, at: float, now: float) -> dict[str, object]:
    """What a file says of how it was made."""
    return {
        "bundle": view.bundle.version,
        "policy": view.policy_id,
        "takedown_sequence": view.sequence,
        "at": at,
        "checked": now,
        "time": to_datetime(at).isoformat(),
        "viewer": asdict(viewer),
    }


class Writer:
    """One Parquet file that appears whole or not at all. Labels never leave without who gave them."""

    def __init__(self, out: Path, metadata: dict[str, object]) -> None:
        self._out = out
        self._schema = SCHEMA.with_metadata({META: json.dumps(metadata).encode()})
        self._sources: dict[str, dict[str, list[str]]] = {}  # of labels, by item id
        self._draft = out.with_name(f".{out.name}.{os.getpid()}.part")
        out.parent.mkdir(parents=True, exist_ok=True)
        self._parquet = pq.ParquetWriter(self._draft, self._schema)

    def add(self, users: Sequence[str], answers: Sequence[Answer]) -> None:
        """The lists of some users."""
        view = answers[0].view
        sizes = [len(answer.slate) for answer in answers]
        items = np.concatenate([answer.slate.items for answer in answers])
        columns = [
            pa.array(np.repeat(np.array(users, object), sizes), pa.string()),
            pa.array(np.concatenate([np.arange(1, size + 1) for size in sizes]), pa.int32()),
            pa.array(view.ids.external(items), pa.string()),
            pa.array(np.concatenate([answer.slate.scores for answer in answers]), pa.float32()),
            pa.array([source for answer in answers for source in answer.slate.sources], pa.string()),
            pa.array(self.labels(view, items), pa.list_(pa.string())),
        ]
        self.write(pa.Table.from_arrays(columns, schema=SCHEMA))

    def labels(self, view: View, items: Iterable[int]) -> list[list[str]]:
        """The labels of each item; their sources go into the file's metadata."""
        found = []
        for item in items:
            given = view.gate.provenance(int(item))
            found.append(list(given))
            if given:
                self._sources[view.ids[int(item)]] = given
        return found

    def write(self, table: pa.Table) -> None:
        """Rows in the batch format."""
        self._parquet.write_table(table.cast(SCHEMA).replace_schema_metadata(self._schema.metadata))

    def publish(self) -> None:
        """Close the draft and put it in place."""
        self._parquet.add_key_value_metadata({LABEL_SOURCES: json.dumps(self._sources).encode()})
        self._parquet.close()
        self._draft.replace(self._out)

    def discard(self) -> None:
        """Leave nothing behind."""
        self._parquet.close()
        self._draft.unlink(missing_ok=True)
