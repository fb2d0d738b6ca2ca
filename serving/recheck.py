"""Batch lists looked at again: what may no longer be shown is taken out, by the gate, takedowns, and users' choices."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recsys.clock import fixed_clock, system_clock
from recsys.errors import ConfigError, DataError
from recsys.types import Viewer
from serving.batch import META, SCHEMA, Writer, metadata, the_bundle, the_control
from serving.current import Live
from serving.settings import Settings
from serving.stores.control import ControlStore
from serving.view import View

UNKNOWN = "unknown_item"  # nothing vouches for it
EXCLUDED = "excluded"  # by an editor, here and now
HIDDEN, NOT_INTERESTED = "hidden", "not_interested"
OPTED_OUT = "personalisation_off"  # a list that was made from a history must not outlive the choice
ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Options:
    """How files are rechecked. ``out`` is a file for one, a folder for several; the files themselves if left out."""

    bundle: Path | None = None
    at: float | None = None  # s UTC: the moment to check for
    out: Path | None = None
    check: bool = False  # only say what would be removed


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What came of one file. ``why`` counts removed rows by reason, ``items`` those that went for everybody."""

    file: str
    out: str | None  # None where nothing was written
    kept: int
    removed: int
    lists: int  # users whose list became shorter
    why: dict[str, int]
    items: dict[str, str]  # item id → reason


def recheck(files: Sequence[Path], settings: Settings, options: Options = Options()) -> list[Rechecked]:
    """Look at batch files again; ranks are closed up, and the metadata tell what they were checked against.

    Every file is read before the first one is written. DataError names a file that is none of ours.
    """
    if options.out is not None and len(files) > 1 and options.out.exists() and not options.out.is_dir():
        raise ConfigError(f"--out {options.out} is a file; {len(files)} files need a folder.")
    known = [(file, *_read(file)) for file in files]
    bundle = the_bundle(options.bundle, settings)
    done = []
    for file, table, facts in known:
        clock = fixed_clock(_moment(facts, settings) if options.at is None else options.at)
        with the_control(settings, clock) as control:
            view = Live(bundle, control, clock, policy=settings.policy).view()
            viewer = Viewer(**facts["viewer"])
            why = _objections(table, view, viewer, control, clock(), float(facts["checked"]))
            target = None if options.check else _target(file, options.out, several=len(files) > 1)
            if target is not None:
                _write(target, table, why, view, metadata(view, viewer, float(facts["at"]), clock()))
        done.append(_summary(file, target, table, why))
    return done


def _objections(
    table: pa.Table, view: View, viewer: Viewer, control: ControlStore, now: float, made: float
) -> list[str | None]:
    """Why each row may no longer be shown, the strongest reason; None where it may."""
    items, users = table["item_id"].to_pylist(), table["user_id"].to_pylist()
    of_item = _of_items(items, view, viewer, now)
    of_user = _of_users(users, control, made)
    chosen = control.every_control()
    why: list[str | None] = []
    for item, user in zip(items, users, strict=True):
        own = chosen.get(user)
        reason = of_item.get(item) or of_user.get(user)
        if reason is None and own is not None:
            reason = HIDDEN if item in own.hidden else NOT_INTERESTED if item in own.not_interested else None
        why.append(reason)
    return why


def _of_items(items: Iterable[str], view: View, viewer: Viewer, now: float) -> dict[str, str]:
    names = list(dict.fromkeys(items))
    known = [name for name in names if name in view.ids]
    index = view.ids.dense(known)
    found = view.gate.check(viewer, index)
    excluded = view.overrides.live(viewer, now).excluded
    reasons = {name: UNKNOWN for name in names if name not in view.ids}
    for name, place, fine, reason in zip(known, index.tolist(), found.allowed, found.reasons, strict=True):
        if not fine:
            reasons[name] = reason
        elif place in excluded:
            reasons[name] = EXCLUDED
    return reasons


def _of_users(users: Iterable[str], control: ControlStore, made: float) -> dict[str, str]:
    erased = control.erased_since(0)
    reasons = {user: OPTED_OUT for user, own in control.every_control().items() if not own.personalised}
    for user in dict.fromkeys(users) if len(erased) else ():
        at = erased.at(user)
        if at is not None and at >= made:
            reasons[user] = ERASED
    return reasons


def _write(target: Path, table: pa.Table, why: Sequence[str | None], view: View, facts: dict[str, object]) -> None:
    kept = table.filter(pa.array([reason is None for reason in why], pa.bool_()))
    kept = kept.set_column(1, SCHEMA.field("rank"), pa.array(_ranks(kept["user_id"].to_pylist()), pa.int32()))
    index = view.ids.dense(kept["item_id"].to_pylist())
    writer = Writer(target, facts)
    try:
        labels = pa.array(writer.labels(view, index), SCHEMA.field("labels").type)
        writer.write(kept.set_column(5, SCHEMA.field("labels"), labels))
    except BaseException:
        writer.discard()
        raise
    writer.publish()


def _summary(file: Path, target: Path | None, table: pa.Table, why: Sequence[str | None]) -> Rechecked:
    gone = [place for place, reason in enumerate(why) if reason is not None]
    rows = table.take(pa.array(gone, pa.int64()))
    reasons = [str(why[place]) for place in gone]
    personal = {HIDDEN, NOT_INTERESTED, OPTED_OUT, ERASED}
    items = {
        item: reason
        for item, reason in zip(rows["item_id"].to_pylist(), reasons, strict=True)
        if reason not in personal
    }
    lists = len(set(rows["user_id"].to_pylist()))
    counts = dict(sorted(Counter(reasons).items()))
    kept = table.num_rows - len(gone)
    return Rechecked(str(file), None if target is None else str(target), kept, len(gone), lists, counts, items)


def _target(file: Path, out: Path | None, *, several: bool) -> Path:
    if out is None:
        return file
    return out / file.name if several or out.is_dir() else out


def _moment(facts: dict[str, Any], settings: Settings) -> float:
    checked = float(facts["checked"])
    return checked if settings.clock == "events" else max(checked, system_clock())


def _ranks(users: Sequence[str]) -> list[int]:
    ranks: list[int] = []
    for place, user in enumerate(users):
        ranks.append(ranks[-1] + 1 if place and users[place - 1] == user else 1)
    return ranks


def _read(file: Path) -> tuple[pa.Table, dict[str, Any]]:
    try:
        table = pq.read_table(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{file} cannot be read as Parquet: {error}. Nothing was changed.") from None
    facts = (table.schema.metadata or {}).get(META)
    if facts is None or table.schema.names != SCHEMA.names:
        raise DataError(
            f"{file} is no list of recommendations; `recsys recommend` writes such files. Nothing was changed."
        )
    return table, json.loads(facts)
