"""Everything a request reads, as one frozen value that is swapped whole: no request ever mixes two states."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import structlog

from recsys.bundle import Bundle
from recsys.clock import Clock
from recsys.dataset.ids import IdMap
from recsys.expressions import Columns
from recsys.overrides import NO_QUOTAS, Campaign, Override, OverrideIndex, Quota, QuotaIndex, Room, Traffic
from recsys.overrides import Live as LiveOverrides
from recsys.overrides.pacing import EVEN
from recsys.pipeline import Overlay, no_overlay
from recsys.prepare.spec import EventRule
from recsys.rerank import Cap, cap_all, crowded
from recsys.safety import Gate, Limits, Policy
from recsys.safety.recent import Recent
from recsys.safety.stricter import Stricter
from recsys.types import BoolArray, IntArray, Slate, Viewer
from serving.additions import news, with_items
from serving.filters import Filters, room
from serving.labels import Labels, relabelled
from serving.members import Works
from serving.paging import Marked
from serving.policies import ruling
from serving.pools import by_popularity, filling, without
from serving.series import Series
from serving.stores.control import Change, ControlStore
from serving.stores.policies import Step

PUT_BACK = 7 * 86_400.0  # s: what has ended is kept for so long, because a clock may be put back
log = structlog.get_logger()


@dataclass(frozen=True, eq=False)
class View(Works):
    """A bundle with all that the control store has changed since: overlay, gate, overrides."""

    bundle: Bundle
    policy: Policy
    sequence: int  # the newest change of the control store that is in here
    ids: IdMap  # catalogue, then overlay
    overlay: Overlay
    gate: Gate
    overrides: OverrideIndex
    columns: Columns  # of the catalogue alone
    episodes: Series  # of the catalogue alone
    quotas: QuotaIndex = NO_QUOTAS
    traffic: Traffic = EVEN  # that guarantees are paced by
    added: tuple[dict[str, Any], ...] = ()  # overlay items in index order
    changed: Mapping[int, dict[str, Any]] | None = None  # catalogue items that were upserted since
    labels: Labels = field(default_factory=Labels)  # of the items that have label events; the gate has them too
    fallback: str = ""  # the pack that judges as long as none is published
    trial: "Trial | None" = None
    _allowed: Recent[tuple[int, int], tuple[BoolArray, IntArray, BoolArray]] = field(
        default_factory=lambda: Recent(64), init=False, repr=False
    )
    _reserves: Recent[int, tuple[BoolArray, IntArray]] = field(
        default_factory=lambda: Recent(64), init=False, repr=False
    )
    _narrowed: Recent[tuple[int, str | None, bool], tuple[BoolArray, BoolArray]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_narrowed", Recent(room(len(self.ids))))

    @property
    def policy_id(self) -> str:
        """The policy as it is cited in answers and decisions."""
        return self.gate.cite

    @cached_property
    def canary(self) -> "View":
        """The same under the stricter of the policy in force and the one on trial."""
        if self.trial is None:
            return self
        made = replace(self, gate=Stricter.of(self.gate, self.trial.view.gate))
        for name in ("shown", "marked"):  # labels and texts are those of the policy in force
            made.__dict__[name] = getattr(self, name)
        if "by_popularity" in self.__dict__:  # asked for it, a dead model would cost the list: see ``reserve``
            made.__dict__["by_popularity"] = self.by_popularity
        return made

    def allowed(self, viewer: Viewer, live: LiveOverrides) -> BoolArray:
        """(items,): the gate's mask without what editors exclude here and now; one array a viewer class."""
        mask, excluded = self.gate.mask(viewer), live.resolved.excluded
        if not len(excluded):
            return mask
        # Both arrays of the key are kept alive by the entry, so that their ids stay their own.
        return self._allowed.get((id(mask), id(excluded)), lambda: (mask, excluded, without(mask, excluded)))[2]

    def for_minors(self, viewer: Viewer) -> bool:
        """Whether a viewer is known to be a minor, or the surface is for minors."""
        known = viewer.age is not None and viewer.age < self.policy.age_bands[-1]
        return known or self.policy.surface(viewer.surface).minors

    def bounds(self, viewer: Viewer, k: int, offset: int) -> Room:
        """What a page of ``k`` behind ``offset`` places has to keep to: the surface's cap of creators, and quotas."""
        limit = self.limits(viewer).max_per_creator
        groups = np.zeros(0, np.int32) if limit is None else self.creators
        return Room(k, groups, limit, self.quotas.live(viewer), offset)

    def reserve(self, viewer: Viewer) -> IntArray:
        """What the viewer may see in the order in which it fills a list: the cleared pool first, each by popularity."""
        mask, cleared = self.gate.mask(viewer), partial(self.gate.cleared, viewer)
        try:
            return self._reserves.get(id(mask), lambda: (mask, filling(self.by_popularity, mask, cleared())))[1]
        except Exception:  # a dead model costs the order, never the list; nothing of it is remembered
            log.exception("popularity_unknown")
            return filling(np.arange(len(self.ids), dtype=np.int32), mask, cleared())

    @cached_property
    def by_popularity(self) -> IntArray:
        """(items,): every item, most popular first as far as a source of the bundle knows; new items last."""
        return by_popularity(self.bundle, len(self.ids))

    def limits(self, viewer: Viewer) -> Limits:
        """What the policy asks of a whole list shown to the viewer."""
        return self.gate.limits(viewer)

    def narrowed(self, allowed: BoolArray, condition: str | None, opening: bool) -> BoolArray:
        """(items,): ``allowed`` where a filter is true and, if ``opening``, no series is entered but at its beginning.

        One array for one ``allowed`` and the same conditions. AskError where the filter cannot be read.
        """
        series = self.series if opening and len(self.series) else None
        if condition is None and series is None:
            return allowed

        def made() -> tuple[BoolArray, BoolArray]:
            left = allowed if condition is None else allowed & self.filters.mask(condition)
            left = left if series is None else left & series.opening
            left.flags.writeable = False
            return allowed, left

        # The array of the key is kept alive by the value, so that its id stays its own.
        return self._narrowed.get((id(allowed), condition, opening), made)[1]

    @cached_property
    def filters(self) -> Filters:
        """What filters leave of the items."""
        touched = self.added or self.changed
        return Filters(self.columns.patched(self.changed or {}, self.added) if touched else self.columns)

    @cached_property
    def series(self) -> Series:
        """Which episodes follow each other."""
        touched = self.added or self.changed
        return self.episodes.patched(self.changed or {}, self.added) if touched else self.episodes

    @cached_property
    def marked(self) -> Marked:
        """What page tokens know the items by."""
        return Marked.of(self.ids)

    def capped(self, slate: Slate, viewer: Viewer, k: int) -> Slate:
        """The first ``k`` of a slate with no more of one creator or topic than the surface's policy allows."""
        return cap_all(slate, self._caps(viewer), k)

    def surplus(self, slate: Slate, viewer: Viewer) -> IntArray:
        """Sorted: items of creators and topics that have all their places in ``slate``, but for those in it."""
        return crowded(slate.items, self._caps(viewer), len(self.ids))

    def _caps(self, viewer: Viewer) -> list[Cap]:
        """Most policies cap nothing: no need to know creators and topics."""
        asked = self.limits(viewer)
        caps: list[Cap] = []
        if asked.max_per_creator is not None:
            caps.append((self.creators, asked.max_per_creator))
        if asked.max_per_topic is not None:
            caps.append((self.topics, asked.max_per_topic))
        return caps

    @cached_property
    def rules(self) -> Mapping[str, EventRule]:
        """What each event kind counts; a kind that the bundle does not know counts 1."""
        return self.bundle.manifest.rules


@dataclass(frozen=True, eq=False)
class Trial:
    """A policy that is tried out: the same works as judged by it."""

    step: Step  # shadow or canary
    live: Gate  # of the policy in force
    view: View

    @property
    def share(self) -> float:
        """Of the requests that go by the stricter of both; 0 for a shadow."""
        return self.step.share if self.step.action == "canary" else 0.0


def compiled(view: View, orders: Iterable[Override | Campaign]) -> OverrideIndex:
    """Orders over the items of a view; an objective that is not for minors is held to the policy's own surfaces."""
    return OverrideIndex.compile(orders, view.ids, traffic=view.traffic, minor_surfaces=view.policy.minor_surfaces)


def build(bundle: Bundle, control: ControlStore, clock: Clock, policy: str | Policy | None = None) -> View:
    """A view of ``bundle`` under everything the control store holds.

    A published policy judges, and as long as there is none ``policy``, a pack's name or file; None takes the bundle's
    own: strict where the lake has labels, else open. A ``policy`` that is given as such judges alone, as in a replay.
    """
    if isinstance(policy, Policy):
        return _under(policy, bundle, control, clock, control.sequence())
    sequence = control.sequence()  # read first: a change that comes in between is applied again, never lost
    fallback = policy or bundle.manifest.policy
    ruled = ruling(control, fallback)
    view = replace(_under(ruled.policy, bundle, control, clock, sequence), fallback=fallback)
    candidate, trial = ruled.candidate, ruled.trial
    if trial is None or candidate is None:
        return view
    return _with_trial(view, trial, lambda: _under(candidate, bundle, control, clock, sequence))


def _under(pack: Policy, bundle: Bundle, control: ControlStore, clock: Clock, sequence: int) -> View:
    """A view as one policy judges it."""
    gate = Gate.compile(
        bundle.catalogue,
        pack,
        clock,
        control.takedowns(),
        rights=control.rights(),
        confirmed=lambda: clock() - control.silent_seconds(),  # whoever hears the store hears of a new policy
    )
    bare = View(
        bundle,
        pack,
        sequence,
        bundle.catalogue.ids,
        no_overlay(),
        gate,
        OverrideIndex.compile([], bundle.catalogue.ids),
        Columns(bundle.catalogue),
        Series.of_catalogue(bundle.catalogue),
        QuotaIndex.compile(_quotas(pack), bundle.catalogue.column),
        expected(pack, control),
    )
    view = relabelled(with_items(bare, news(bundle, control)), control, clock())
    return replace(view, overrides=compiled(view, control.orders(clock() - PUT_BACK)))


def expected(pack: Policy, control: ControlStore) -> Traffic:
    """The traffic that guarantees are paced by: what the pack says, else what was measured, else all hours alike."""
    if pack.traffic is not None:
        return Traffic(pack.traffic.hours, pack.traffic.zone)
    return control.traffic() or EVEN


def _quotas(pack: Policy) -> list[Quota]:
    """What a pack asks of lists, as it is met in them."""
    return [
        Quota(name, one.field, one.values, one.share, frozenset(one.surfaces), frozenset(one.territories))
        for name, one in pack.quotas.items()
    ]


def advanced(view: View, control: ControlStore, changes: Sequence[Change], now: float) -> View:
    """``view`` with ``changes`` applied; what a change does not touch is shared with the old view.

    No change is needed for a label to expire: at ``now`` (s UTC) others may hold, also where the clock was put back.
    """
    kinds = {change.kind for change in changes}
    if "policy" in kinds:
        return _ruled_anew(view, control)
    records = [record for _, record in control.items(view.sequence)] if "item" in kinds else []
    after = with_items(replace(view, sequence=changes[-1].seq if changes else view.sequence), records)
    upserted = [str(record["item_id"]) for record in records]
    judged = [*(change.key for change in changes if change.kind == "label"), *view.labels.due(now)]
    if upserted or judged:
        after = relabelled(after, control, now, [*upserted, *judged])
    if "rights" in kinds:
        after = replace(after, gate=after.gate.with_rights(control.rights(view.sequence)))
    if kinds & {"takedown", "restore"}:
        after = replace(after, gate=after.gate.with_takedowns(control.takedowns()))
    if "traffic" in kinds:
        after = replace(after, traffic=expected(view.policy, control))
    if kinds & {"override", "override_revoked", "campaign", "halt", "item", "cold_start", "traffic"}:
        after = replace(after, overrides=compiled(after, control.orders(now - PUT_BACK)))
    if (trial := view.trial) is not None:
        after = _with_trial(after, trial.step, lambda: advanced(trial.view, control, changes, now))
    _carry(view, after, [*upserted, *judged], same_records=not upserted)
    return after


def _with_trial(view: View, step: Step, candidate: Callable[[], View]) -> View:
    """The view beside the candidate's. A candidate that fails is none: what is in force judges alone."""
    try:
        return replace(view, trial=Trial(step, view.gate, candidate()))
    except Exception:
        log.exception("policy_trial_refused", step=step.step)
        return replace(view, trial=None)


def _ruled_anew(view: View, control: ControlStore) -> View:
    """The view under the policy that is in force by now; everything is read again, as when a worker starts."""
    after = build(view.bundle, control, view.gate.clock, view.fallback)
    if "by_popularity" in view.__dict__ and len(after.ids) == len(view.ids):
        after.__dict__["by_popularity"] = view.by_popularity
    log.info("policy_in_force", policy=after.policy_id, trial=after.trial.step.step if after.trial else None)
    return after


def _carry(before: View, after: View, touched: Sequence[str], *, same_records: bool) -> None:
    """Take over what was worked out for every item of the view before, but for the touched ones."""
    if "shown" in before.__dict__:
        shown = before.shown + [b""] * (len(after.ids) - len(before.ids))
        for index in after.ids.dense(touched).tolist():
            shown[index] = after.members(index)
        after.__dict__["shown"] = shown if touched else before.shown
    if "marked" in before.__dict__:
        after.__dict__["marked"] = before.marked.extended(after.ids)
    for name in ("creators", "topics", "by_popularity", "filters", "series"):
        if name in before.__dict__ and same_records:
            after.__dict__[name] = before.__dict__[name]
