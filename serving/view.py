"""Everything a request reads, as one frozen value that is swapped whole: no request ever mixes two states."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import structlog

from recsys.bundle import Bundle
from recsys.dataset.ids import IdMap
from recsys.expressions import Columns
from recsys.overrides import NO_QUOTAS, OverrideIndex, QuotaIndex, Room, Traffic
from recsys.overrides import Live as LiveOverrides
from recsys.overrides.pacing import EVEN
from recsys.pipeline import Overlay
from recsys.prepare.spec import EventRule
from recsys.rerank import Cap, cap_all, crowded
from recsys.safety import Gate, Limits, Policy
from recsys.safety.recent import Recent
from recsys.safety.stricter import Stricter
from recsys.types import BoolArray, IntArray, Slate, Viewer
from serving.filters import Filters, room
from serving.labels import Labels
from serving.members import Works
from serving.paging import Marked
from serving.pools import by_popularity, filling, without
from serving.series import Series
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
