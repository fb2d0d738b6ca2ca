"""Everything a request reads, as one frozen value that is swapped whole: no request ever mixes two states."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from recsys.bundle import Bundle
from recsys.clock import Clock
from recsys.dataset.catalogue import Catalogue
from recsys.dataset.ids import IdMap
from recsys.overrides import Live as LiveOverrides
from recsys.overrides import OverrideIndex
from recsys.pipeline import Overlay, no_overlay
from recsys.prepare.spec import EventRule
from recsys.rerank import cap, creators
from recsys.safety import Gate, Policy, load_policy
from recsys.safety.recent import Recent
from recsys.types import BoolArray, IntArray, Slate, Viewer
from serving.stores.control import Change, ControlStore
from serving.stores.sync import UPSERT_SEQ
from serving.upserts import tightened

SHOWN = ("title", "media_type", "year", "language", "genres", "authors", "provider")
NEIGHBOURS = 20
ADVANCES = 10  # a storm of changes must not hold up requests for longer
LIST = pa.list_(pa.string())
NO_GROUPS = np.zeros(0, np.int32)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, eq=False)
class View:
    """A bundle with all that the control store has changed since: overlay, gate, overrides."""

    bundle: Bundle
    policy: Policy
    sequence: int  # the newest change of the control store that is in here
    ids: IdMap  # catalogue, then overlay
    overlay: Overlay
    gate: Gate
    overrides: OverrideIndex
    added: tuple[dict[str, Any], ...] = ()  # overlay items in index order
    changed: Mapping[int, dict[str, Any]] | None = None  # catalogue items that were upserted since
    _allowed: Recent[tuple[int, int], tuple[BoolArray, LiveOverrides, BoolArray]] = field(
        default_factory=lambda: Recent(64), init=False, repr=False
    )

    @property
    def policy_id(self) -> str:
        """The policy as it is cited in answers and decisions."""
        return self.policy.cite

    def allowed(self, viewer: Viewer, now: float) -> BoolArray:
        """(items,): the gate's mask without what editors exclude here and now; one array a viewer class."""
        mask = self.gate.mask(viewer)
        live = self.overrides.live(viewer, now)
        if not live.excluded:
            return mask
        # Both arrays of the key are kept alive by the value, so that their ids stay their own.
        return self._allowed.get((id(mask), id(live)), lambda: (mask, live, _without(mask, live.excluded)))[2]

    def capped(self, slate: Slate, viewer: Viewer, k: int) -> Slate:
        """The first ``k`` of a slate with no more of one creator than the surface's policy allows."""
        limit = self.policy.surface(viewer.surface).max_per_creator
        groups = NO_GROUPS if limit is None else self.creators  # most policies cap nothing: no need to know creators
        return cap(slate, groups, limit, k)

    def surplus(self, slate: Slate, viewer: Viewer) -> IntArray:
        """Items of creators who already have all their places in ``slate``, but for those in it."""
        limit = self.policy.surface(viewer.surface).max_per_creator
        if limit is None:
            return NO_GROUPS
        groups, counts = np.unique(self.creators[slate.items], return_counts=True)
        full = groups[(counts >= limit) & (groups >= 0)]
        return np.setdiff1d(np.flatnonzero(np.isin(self.creators, full)), slate.items).astype(np.int32)

    @cached_property
    def creators(self) -> IntArray:
        """(items,): the first author of each item as a number, -1 where none is known."""
        authors = self._column("authors")
        return creators(Catalogue(pa.table({"item_id": self.ids.ids, "authors": pa.array(authors, LIST)})))

    @cached_property
    def rules(self) -> Mapping[str, EventRule]:
        """What each event kind counts; a kind that the bundle does not know counts 1."""
        return self.bundle.manifest.rules

    @cached_property
    def shown(self) -> list[bytes]:
        """The JSON members of every item as they are sent, encoded once."""
        columns = [self._column(name) for name in SHOWN]
        rows = zip(self.ids.ids, *columns, strict=True)
        return [_members(row[0], row[1:], self.gate.labels(index)) for index, row in enumerate(rows)]

    def _column(self, name: str) -> list[Any]:
        """A field of every item, upserts applied."""
        values = self.bundle.catalogue.column(name) + [record.get(name) for record in self.added]
        for index, record in (self.changed or {}).items():
            values[index] = record.get(name)
        return values

    def record(self, index: int) -> dict[str, Any]:
        """The known fields of one item, upserts applied."""
        size = len(self.bundle.catalogue)
        if index >= size:
            return self.added[index - size]
        if self.changed and index in self.changed:
            return self.changed[index]
        return self.bundle.catalogue.record(index)

    def members(self, index: int) -> bytes:
        """The JSON members of one item."""
        record = self.record(index)
        return _members(self.ids[index], [record.get(name) for name in SHOWN], self.gate.labels(index))


def _members(item_id: str, values: Sequence[Any], labels: list[str]) -> bytes:
    given = {name: value for name, value in zip(SHOWN, values, strict=True) if value is not None}
    return _encode({"item_id": item_id, **given, "labels": labels})[1:-1]


def _without(mask: BoolArray, excluded: frozenset[int]) -> BoolArray:
    left = mask.copy()
    left[np.fromiter(excluded, np.int64)] = False
    left.flags.writeable = False
    return left


def build(bundle: Bundle, control: ControlStore, clock: Clock, policy: str | Policy | None = None) -> View:
    """A view of ``bundle`` under everything the control store holds.

    ``policy`` is a pack, or the name of a pack or file; None takes the bundle's own: strict where the lake has labels,
    else open.
    """
    pack = policy if isinstance(policy, Policy) else load_policy(policy or bundle.manifest.policy)
    sequence = control.sequence()  # read first: a change that comes in between is applied again, never lost
    bare = View(
        bundle,
        pack,
        sequence,
        bundle.catalogue.ids,
        no_overlay(),
        Gate.compile(bundle.catalogue, pack, clock, control.takedowns()),
        OverrideIndex.compile([], bundle.catalogue.ids),
    )
    view = _with_items(bare, _news(bundle, control))
    return replace(view, overrides=OverrideIndex.compile(control.overrides(), view.ids))


def advanced(view: View, control: ControlStore, changes: Sequence[Change]) -> View:
    """``view`` with ``changes`` applied; what a change does not touch is shared with the old view."""
    kinds = {change.kind for change in changes}
    records = [record for _, record in control.items(view.sequence)] if "item" in kinds else []
    after = _with_items(replace(view, sequence=changes[-1].seq), records)
    if kinds & {"takedown", "restore"}:
        after = replace(after, gate=after.gate.with_takedowns(control.takedowns()))
    if kinds & {"override", "override_revoked", "item"}:
        after = replace(after, overrides=OverrideIndex.compile(control.overrides(), after.ids))
    _carry(view, after, [str(record["item_id"]) for record in records])
    return after


def _carry(before: View, after: View, touched: Sequence[str]) -> None:
    """Take over what was worked out for every item of the view before, but for the touched ones."""
    if "shown" in before.__dict__:
        shown = before.shown + [b""] * (len(after.ids) - len(before.ids))
        for index in after.ids.dense(touched).tolist():
            shown[index] = after.members(index)
        after.__dict__["shown"] = shown if touched else before.shown
    if "creators" in before.__dict__ and not touched:
        after.__dict__["creators"] = before.creators


def _news(bundle: Bundle, control: ControlStore) -> list[dict[str, Any]]:
    """Upserts that the bundle's lake version did not hold yet; a newer catalogue outranks an older upsert."""
    held = dict(zip(bundle.catalogue.ids.ids, bundle.catalogue.column(UPSERT_SEQ), strict=True))
    return [record for seq, record in control.items() if seq > (held.get(str(record["item_id"])) or 0)]


def _with_items(view: View, records: Sequence[dict[str, Any]]) -> View:
    """Upserted items: known ones are replaced in place, new ones go on behind, in the order they came."""
    if not records:
        return view
    size = len(view.bundle.catalogue)
    records = tightened(view.gate, view.ids, view.record, records)
    ids = view.ids.extended(str(record["item_id"]) for record in records)
    touched = {int(ids.dense([str(record["item_id"])])[0]): record for record in records}
    known = {index: record for index, record in touched.items() if index < len(view.ids)}
    fresh = [touched[index] for index in sorted(touched) if index >= len(view.ids)]
    gate = view.gate
    if known:
        gate = gate.replaced_many(list(known), Catalogue.from_records(list(known.values())))
    if fresh:
        gate = gate.extended(Catalogue.from_records(fresh))
    added = [*view.added, *fresh]
    for index, record in known.items():
        if index >= size:
            added[index - size] = record
    changed = {**(view.changed or {}), **{index: record for index, record in known.items() if index < size}}
    overlay = _overlay(view, {index - size: record for index, record in touched.items() if index >= size}, len(added))
    return replace(view, ids=ids, gate=gate, overlay=overlay, added=tuple(added), changed=changed)


def _overlay(view: View, touched: Mapping[int, dict[str, Any]], size: int) -> Overlay:
    """The overlay with the neighbours of new and changed items found; the others keep theirs."""
    near, weights = np.zeros((size, NEIGHBOURS), np.int32), np.zeros((size, NEIGHBOURS), np.float32)
    before = len(view.overlay)
    if before:
        near[:before], weights[:before] = view.overlay.neighbours, view.overlay.weights
    content = view.bundle.pipeline.content
    if content is not None and touched:
        places = list(touched)
        vectors = content.encode(Catalogue.from_records(list(touched.values())))
        near[places], weights[places] = content.neighbours(vectors, NEIGHBOURS)
    return Overlay(near, weights)


class Live:
    """The current view, brought up to date before each request and swapped when the champion moves."""

    def __init__(self, bundle: Bundle, control: ControlStore, clock: Clock, *, policy: str | None = None) -> None:
        self._control = control
        self._clock = clock
        self._policy = policy
        self._lock = threading.Lock()
        self._view = build(bundle, control, clock, policy)
        self._advance()

    @property
    def current(self) -> View:
        """The view as it was last brought up to date."""
        return self._view

    def view(self) -> View:
        """The view with every change of the control store that this process can know of."""
        if self._control.sequence() != self._view.sequence:
            with self._lock:
                self._advance()
        return self._view

    def swap(self, bundle: Bundle, warm: Callable[[View], None]) -> None:
        """Serve another bundle from the next request on; ``warm`` may refuse it by raising."""
        view = build(bundle, self._control, self._clock, self._policy)
        warm(view)
        with self._lock:
            self._view = view
            self._advance()

    def _advance(self) -> None:
        """Apply changes until none has come in while they were read.

        Else a view could hold a little more than its sequence says, and a decision made on it could not be replayed.
        """
        view = self._view
        for _ in range(ADVANCES):
            changes = self._control.changes(view.sequence)
            if not changes:
                break
            view = advanced(view, self._control, changes)
        self._view = view
