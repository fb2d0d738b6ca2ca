"""Everything a request reads, as one frozen value that is swapped whole: no request ever mixes two states."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

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

SHOWN = ("title", "media_type", "year", "language", "genres", "authors", "provider")
NEIGHBOURS = 20
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
        return cap(slate, self.creators, self.policy.surface(viewer.surface).max_per_creator, k)

    @cached_property
    def creators(self) -> IntArray:
        """(items,): the first author of each item as a number, -1 where none is known."""
        if not self.added and not self.changed:
            return creators(self.bundle.catalogue)
        return creators(Catalogue.from_records([self.record(index) for index in range(len(self.ids))]))

    @cached_property
    def rules(self) -> Mapping[str, EventRule]:
        """What each event kind counts; a kind that the bundle does not know counts 1."""
        return self.bundle.manifest.rules

    @cached_property
    def shown(self) -> list[bytes]:
        """The JSON members of every item as they are sent, encoded once."""
        return [self.members(index) for index in range(len(self.ids))]

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
        values = {"item_id": self.ids[index], **{name: record[name] for name in SHOWN if record.get(name) is not None}}
        labels = self.gate.labels(index)
        return _encode({**values, "labels": labels})[1:-1]


def _without(mask: BoolArray, excluded: frozenset[int]) -> BoolArray:
    left = mask.copy()
    left[np.fromiter(excluded, np.int64)] = False
    left.flags.writeable = False
    return left


def build(bundle: Bundle, control: ControlStore, clock: Clock, policy: str | None = None) -> View:
    """A view of ``bundle`` under everything the control store holds.

    ``policy`` names a pack or a file; None takes the bundle's own: strict where the lake has labels, else open.
    """
    pack = load_policy(policy or bundle.manifest.policy)
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
    view = _with_items(bare, [record for _, record in control.items()])
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


def _with_items(view: View, records: Sequence[dict[str, Any]]) -> View:
    """Upserted items: known ones are replaced in place, new ones go on behind, in the order they came."""
    if not records:
        return view
    size = len(view.bundle.catalogue)
    ids = view.ids.extended(str(record["item_id"]) for record in records)
    added, changed, gate = list(view.added), dict(view.changed or {}), view.gate
    fresh: dict[int, dict[str, Any]] = {}
    for record in records:
        index = ids.dense([str(record["item_id"])])[0]
        if index >= len(view.ids):
            fresh[index] = record
        else:
            gate = gate.replaced(int(index), Catalogue.from_records([record]))
            if index >= size:
                added[index - size] = record
            else:
                changed[int(index)] = record
    if fresh:
        added.extend(fresh[index] for index in sorted(fresh))
        gate = gate.extended(Catalogue.from_records([fresh[index] for index in sorted(fresh)]))
    return replace(view, ids=ids, gate=gate, overlay=_encoded(view.bundle, added), added=tuple(added), changed=changed)


def _encoded(bundle: Bundle, added: Sequence[dict[str, Any]]) -> Overlay:
    if bundle.pipeline.content is None or not added:
        nothing = np.zeros((len(added), 1), np.float32)
        return Overlay(nothing.astype(np.int32), nothing)
    vectors = bundle.pipeline.content.encode(Catalogue.from_records(added))
    return Overlay(*bundle.pipeline.content.neighbours(vectors, NEIGHBOURS))


class Live:
    """The current view, brought up to date before each request and swapped when the champion moves."""

    def __init__(self, bundle: Bundle, control: ControlStore, clock: Clock, *, policy: str | None = None) -> None:
        self._control = control
        self._clock = clock
        self._policy = policy
        self._lock = threading.Lock()
        self._view = build(bundle, control, clock, policy)

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
        changes = self._control.changes(self._view.sequence)
        if changes:
            self._view = advanced(self._view, self._control, changes)
