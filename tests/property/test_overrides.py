"""What is shown is a subset of what safety allows, whatever editors order, and in whatever order they do."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import given

from recsys.dataset.ids import IdMap
from recsys.overrides import (
    Campaign,
    Exposure,
    Override,
    OverrideIndex,
    Person,
    Placed,
    Quota,
    QuotaIndex,
    Room,
    place,
)
from recsys.types import BoolArray, Slate, Viewer
from support.campaigns import Known
from support.drawn import Drawn, drawn
from support.examples import EXAMPLES
from support.orders import campaign, exposure, person
from support.worlds import NAMES, World, now_of, viewer_of, world_of


def order(of: Drawn) -> Override:
    kind, slot, factor = of.pick(ACTIONS)
    start = float(of.pick(range(-2, 6)))
    return Override(
        of.pick([f"o{n}" for n in range(20)]),
        kind,
        of.pick([*NAMES, "absent"]),
        slot,
        factor,
        of.pick([frozenset[str](), frozenset({"feed"}), frozenset({"home", "minor"})]),
        of.pick([frozenset[str](), frozenset({"DE"})]),
        start,
        start + 4.0,
        of.pick(range(2)),
        float(of.pick(range(3))),
    )


ACTIONS = [
    *(("pin", slot, None) for slot in (1, 2, 5)),
    ("boost", None, 4.0),
    ("bury", None, 0.3),
    ("exclude", None, None),
]


class Case(NamedTuple):
    """A world, who looks, when, and everything that editors want."""

    world: World
    viewer: Viewer
    times: list[float]
    edits: list[Override | Campaign]
    person: Person
    exposure: Exposure
    quotas: list[Quota]
    slate: Slate
    k: int
    more: Known


def case_of(of: Drawn) -> Case:
    return Case(
        world_of(of),
        viewer_of(of),
        of.several(lambda: now_of(of), 3, 1),
        edits_of(of),
        person(of),
        exposure(of),
        of.several(lambda: quota(of), 2),
        slate_of(of),
        of.pick(range(11)),
        Known(tuple(of.several(lambda: (of.pick(range(len(NAMES) + 1)), of.pick(range(-128, 128)) / 64), 6))),
    )


def edits_of(of: Drawn) -> list[Override | Campaign]:
    names = [*NAMES, "absent"]
    return of.several(lambda: order(of) if of.pick([True, False]) else campaign(of, names), 6)


def quota(of: Drawn) -> Quota:
    return Quota(
        of.pick(["q1", "q2", "q3"]),
        "genres",
        of.pick([("War",), ("love",)]),
        of.pick([0.1, 0.3, 0.5, 1.0]),
        of.pick([frozenset[str](), frozenset({"feed"})]),
    )


SCORES = [*(n / 16 for n in range(-64, 64)), 1e6, -1e6, np.nan, np.inf, -np.inf]


def slate_of(of: Drawn) -> Slate:
    items = of.several(lambda: of.pick(range(len(NAMES) + 2)), 8)
    scores = [of.pick(SCORES) for _ in items]
    return Slate(np.array(items, np.int32), np.array(scores, np.float32), ("als",) * len(items), (None,) * len(items))


def arrivals(of: Drawn) -> tuple[Any, ...]:
    edits = edits_of(of)
    return edits, of.some(edits, len(edits), len(edits)), viewer_of(of), now_of(of), person(of), exposure(of)


def visits(of: Drawn) -> tuple[Any, ...]:
    times, persons = of.several(lambda: now_of(of), 3, 1), of.several(lambda: person(of), 3, 1)
    return edits_of(of), viewer_of(of), times, persons, exposure(of)


@EXAMPLES
@given(drawn(case_of, 768))
def test_whatever_editors_order_nothing_is_shown_that_the_rules_do_not_allow(this):
    world, viewer, times, edits, person, exposure, quotas, slate, k, more = this
    rows, gate = world.rows, world.gate
    index = OverrideIndex.compile(edits, IdMap([row["item_id"] for row in rows]))
    held = QuotaIndex.compile(quotas, lambda name: [row[name] for row in rows]).live(viewer)
    for now in times:
        world.clock.append(now)
        safe = {at for at, allowed in enumerate(world.allows(viewer, now)) if allowed}
        live = index.live(viewer, now, person, exposure)

        def listed(mask: BoolArray, live=live) -> tuple[Placed, list[int]]:
            out = place(slate, live, mask, Room(k, quotas=held), more)
            return out, out.slate.items[gate.check(viewer, out.slate.items).allowed].tolist()

        out, shown = listed(gate.mask(viewer))
        assert set(out.slate.items.tolist()) <= safe  # before the check already
        assert shown == out.slate.items.tolist()
        assert len(set(shown)) == len(shown) <= k
        assert not live.excluded.intersection(shown)
        assert len(shown) >= min(k, len((safe & set(slate.items.tolist())) - live.excluded))
        assert np.isfinite(out.slate.scores).all()
        assert (np.diff(out.slate.scores) <= 0).all()
        assert all(
            override for source, override in zip(out.slate.sources, out.slate.overrides, strict=True) if source != "als"
        )
        stale, left = listed(np.ones(len(rows) + 5, np.bool_))
        assert left == [item for item in stale.slate.items.tolist() if item in safe]  # the check alone is enough


@EXAMPLES
@given(drawn(arrivals, 320))
def test_the_order_in_which_overrides_arrive_changes_nothing(this):
    edits, shuffled, viewer, now, person, exposure = this
    first, second = (
        OverrideIndex.compile(some, IdMap(NAMES)).live(viewer, now, person, exposure) for some in (edits, shuffled)
    )
    assert said(first) == said(second)


@EXAMPLES
@given(drawn(visits, 320))
def test_what_is_remembered_between_two_moments_is_what_is_resolved_anew(this):
    edits, viewer, times, persons, exposure = this
    kept = OverrideIndex.compile(edits, IdMap(NAMES))
    for now in times:
        for who in persons:
            fresh = OverrideIndex.compile(edits, IdMap(NAMES)).live(viewer, now, who, exposure)
            assert said(kept.live(viewer, now, who, exposure)) == said(fresh)


def said(live: Any) -> tuple[Any, ...]:
    """Everything that may change a list."""
    due = [live.plan.promises.ids[at] for at in live.due]
    return (live.resolved.claims, live.factors, live.excluded, live.resolved.texts, live.unserved, due)
