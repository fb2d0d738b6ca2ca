"""What is shown is a subset of what safety allows, for every catalogue, policy, order, viewer and moment.

The oracle is written from the rules, item by item, on the records themselves; it shares no code with the gate.
"""

from datetime import UTC, datetime
from math import inf
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given

from recsys.dataset.catalogue import Catalogue
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
from recsys.safety import Effective, Gate, Label, Policy, Rule, Surface, Takedown, Verdict
from recsys.safety.parts import Band, Jurisdiction
from recsys.types import BoolArray, Slate, Viewer
from support.campaigns import Known
from support.drawn import Drawn, drawn
from support.examples import EXAMPLES
from support.orders import campaign, exposure, person

RANK = ["allow", "label", "interstitial", "limit", "hold", "block", "takedown"]
SHOWN = {"allow", "label", "interstitial"}
BANDS = (3, 8, 12, 16, 18)
NAMES = [f"i{n}" for n in range(6)]


# the oracle


class Spans(NamedTuple):
    """Rights that open and close at the same moments everywhere but in Germany."""

    elsewhere: tuple[tuple[float, float], ...]
    germany: tuple[tuple[float, float], ...]

    def windows(self, territory: str | None) -> tuple[tuple[float, float], ...]:
        if territory is None:
            return tuple(span for span in self.elsewhere if span in self.germany)
        return self.germany if territory == "DE" else self.elsewhere


class Word(NamedTuple):
    """What was said of items beside their records."""

    labels: dict[str, tuple[Effective, ...]]
    rights: dict[str, Spans]


SILENT = Word({}, {})


def oracle(
    record: dict[str, Any],
    policy: Policy,
    viewer: Viewer,
    now: float,
    orders: list[Takedown],
    word: Word = SILENT,
) -> bool:
    place = viewer.territory if viewer.territory in {"DE", "FR", "CN"} else None
    for order in orders:
        if order.item_id == record["item_id"] and (order.territory is None or place in (None, order.territory)):
            return False
    right = word.rights.get(record["item_id"])
    if right is not None and not any(opens <= now < closes for opens, closes in right.windows(place)):
        return False
    said = word.labels.get(record["item_id"])
    packs = packs_of(policy, place)
    return (
        not garbage(record)
        and rights(record, place, now)
        and all(fits(record, pack, viewer, place, now, said) for pack in packs)
    )


def packs_of(policy: Policy, place: str | None) -> list[dict[str, Any]]:
    """The labels of each pack that holds; a viewer whose territory is unknown may be in Germany or not."""
    plain = {"pack": policy, "labels": policy.labels}
    if "DE" not in policy.territories:
        return [plain]
    german = {"pack": policy, "labels": {**policy.labels, **policy.territories["DE"].labels}}
    return [plain, german] if place is None else [german] if place == "DE" else [plain]


def garbage(record: dict[str, Any]) -> bool:
    start, end, age = record["available_from"], record["available_to"], record["min_age"]
    return (
        (start is not None and end is not None and start > end)
        or (age is not None and not 0 <= age <= 99)
        or any(label in {None, "", "ok|rude"} for label in record["labels"] or [])
        or any(code in {None, "USA"} for code in record["territories"] or [])
    )


def rights(record: dict[str, Any], place: str | None, now: float) -> bool:
    where = record["territories"]
    if where is not None and "WW" not in where and place not in where:
        return False
    if record["available_from"] is not None and now < record["available_from"].timestamp():
        return False
    if record["available_to"] is not None and now >= record["available_to"].timestamp():
        return False
    return record["embargo_until"] is None or now >= record["embargo_until"].timestamp()


def fits(
    record: dict[str, Any],
    pack: dict[str, Any],
    viewer: Viewer,
    place: str | None,
    now: float,
    said: tuple[Effective, ...] | None,
) -> bool:
    policy = pack["pack"]
    given, ages = labelled(record, policy, said)
    held = [one for one in given if now < one[3] and (place is None or one[2] in (None, place))]
    rules = policy.surfaces.get(viewer.surface)
    strict = rules is None or rules.strict
    for_minors = rules is None or rules.minors
    known_minor = viewer.age is not None and viewer.age < 18
    cleared_only = strict or (known_minor and rules.minors_cleared_only)
    if viewer.age is None or (for_minors and not known_minor):
        age = 3 if rules is None or rules.unknown_age is None else rules.unknown_age
    elif known_minor and cleared_only:
        age = max([band for band in BANDS if band <= viewer.age], default=0)
    else:
        age = viewer.age
    meanings = [meaning(name, score, pack["labels"]) for name, score, _, _ in held]
    least = max([*ages, *(one.min_age or 0 for one in meanings if one is not None)])
    verdicts = [
        label_verdict(one, policy, viewer.surface, error=name == "error")
        for (name, *_), one in zip(held, meanings, strict=True)
    ]
    firm = [one for one in held if not (place is None and one[2] is not None)]
    if cleared_only:
        return least <= age and bool(firm) and all(verdict == "allow" for verdict in verdicts)
    found = [verdict or rules.unknown_label.code for verdict in verdicts]
    worst = max([*found, *([] if firm else [rules.unlabelled.code])], key=RANK.index)
    return least <= age and worst in (SHOWN | {"limit"} if rules.show_limited else SHOWN)


def labelled(
    record: dict[str, Any], policy: Policy, said: tuple[Effective, ...] | None
) -> tuple[list[tuple[str, float | None, str | None, float]], list[int]]:
    """Labels with score, territory and end; the ages of the record and of the rules that apply."""
    labels = [(label.lower(), None, None, inf) for label in record["labels"] or []]
    if said is not None:  # the record's own are among them, unless somebody has lifted them
        labels = [(one.label, one.score, one.territory, inf if one.expires is None else one.expires) for one in said]
    ages = [record["min_age"] or 0]
    for rule in policy.rules:
        genres = {genre.lower() for genre in record["genres"] or []}
        hit = not labels if rule.otherwise else (genres & set(rule.any_of)) and not (genres & set(rule.none_of))
        if hit:
            labels += [(label, None, None, inf) for label in rule.labels]
            ages.append(rule.min_age or 0)
    return labels, ages


def meaning(label: str, score: float | None, labels: dict[str, Label]) -> Any:
    """The label, or of its bands the last that starts at or below the score."""
    if label not in labels:
        return None
    entry = labels[label]
    return [entry, *(band for band in entry.bands if score is not None and band.at_least <= score)][-1]


def label_verdict(entry: Any, policy: Policy, surface: str, *, error: bool) -> str | None:
    if error:
        return "hold"
    if entry is None:
        return None
    if surface in policy.surfaces:
        return entry.surfaces.get(surface, entry.verdict).code
    return max([entry.verdict.code, *(verdict.code for verdict in entry.surfaces.values())], key=RANK.index)


# the world


CODES = ["DE", "FR", "CN", "WW", "USA", None]
GENTLE = [Verdict.ALLOW] * 4 + [verdict for verdict in Verdict if verdict is not Verdict.TAKEDOWN]
AGES = [None, None, None, None, 0, 3, 8, 12, 13, 16, 18, 21]


def records(of: Drawn, item: str) -> dict[str, Any]:
    def moment() -> datetime | None:
        return of.mostly(None, lambda: datetime.fromtimestamp(of.pick(range(7)), UTC))

    def labels() -> list[str | None] | None:
        names = ["ok", "OK", "rude", "grim", "zzz", "", "ok|rude", None]
        return None if of.pick([True, False]) else of.several(lambda: of.pick(names), 2)

    return {
        "item_id": item,
        "labels": of.mostly(["ok"], labels),
        "genres": of.pick([None, [], ["War"], ["Love"], ["War", "Love"]]),
        "min_age": of.pick([*[None] * 9, -1, 3, 5, 12, 13, 15, 18, 21, 100]),
        "territories": of.mostly(None, lambda: of.several(lambda: of.pick(CODES), 2)),
        "available_from": moment(),
        "available_to": moment(),
        "embargo_until": moment(),
    }


def strict(of: Drawn, **more: Any) -> Surface:
    firm = [Verdict.HOLD, Verdict.BLOCK]
    age = of.pick([None, 0, 1, 2, 3])
    return Surface(unlabelled=of.pick(firm), unknown_label=of.pick(firm), unknown_age=age, **more)


def loose(of: Drawn) -> Surface:
    return Surface(
        strict=False,
        minors_cleared_only=of.pick([False, True]),
        show_limited=of.pick([False, True]),
        unlabelled=of.pick(GENTLE),
        unknown_label=of.pick(GENTLE),
        unknown_age=of.pick([None, 0, 12, 18]),
    )


def label(of: Drawn) -> Label:
    def bands() -> tuple[Band, ...]:
        high = Band(at_least=0.5, verdict=of.pick(GENTLE), min_age=of.pick(AGES))
        return Band(at_least=0.0, verdict=Verdict.ALLOW), high

    surfaces = {name: of.pick(GENTLE) for name in of.some(["feed", "home", "minor"], 0, 2)}
    return Label(verdict=of.pick(GENTLE), bands=of.mostly((), bands), surfaces=surfaces, min_age=of.pick(AGES))


def rule(of: Drawn) -> Rule:
    then = {"labels": tuple(of.some(["ok", "rude", "grim"], 1, 2)), "min_age": of.pick(AGES)}
    if of.pick([True, False]):
        return Rule(otherwise=True, **then)
    return Rule(field="genres", any_of=("war",), none_of=of.pick([(), ("Love",)]), **then)


def policy_of(of: Drawn) -> Policy:
    return Policy(
        name="p",
        version="1",
        surfaces={"feed": loose(of), "home": strict(of), "minor": strict(of, minors=True)},
        labels={name: label(of) for name in ("ok", "rude", "grim")},
        rules=tuple(of.several(lambda: rule(of), 2)),
        territories=of.mostly({}, lambda: {"DE": Jurisdiction(labels={"rude": label(of)})}),
    )


def words(of: Drawn) -> Word:
    def said() -> Effective:
        return Effective(
            label=of.pick(["ok", "ok", "rude", "grim", "zzz", "error"]),
            score=of.pick([None, 0.0, 0.4, 0.5, 1.0]),
            territory=of.mostly(None, lambda: "DE"),
            source="model",
            expires=of.mostly(None, lambda: float(of.pick(range(7)))),
        )

    def spans() -> tuple[tuple[float, float], ...]:
        return tuple(of.several(lambda: (float(of.pick(range(-1, 7))), float(of.pick(range(-1, 9)))), 2))

    labels = of.mostly({}, lambda: {name: tuple(of.several(said, 2)) for name in of.some(NAMES, 0, 3)})
    return Word(labels, of.mostly({}, lambda: {name: Spans(spans(), spans()) for name in of.some(NAMES, 0, 3)}))


def viewer_of(of: Drawn) -> Viewer:
    return Viewer(
        of.pick(["feed", "feed", "home", "minor", "popup"]),
        of.pick([None, "DE", "FR", "CN", "WW", "nowhere"]),
        of.pick([None, None, 0, 5, 13, 15, 17, 18, 25]),
    )


def takedowns(of: Drawn, most: int) -> list[Takedown]:
    places = [None, "DE", "CN"]
    return of.several(lambda: Takedown(id="t", item_id=of.pick([*NAMES, "absent"]), territory=of.pick(places)), most)


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


class World(NamedTuple):
    """A gate in its last state, by whatever way it came there; its clock reads the last of the list."""

    rows: list[dict[str, Any]]
    gate: Gate
    orders: list[Takedown]
    clock: list[float]
    word: Word

    def allows(self, viewer: Viewer, now: float) -> list[bool]:
        """What the oracle says of each item."""
        return [oracle(row, self.gate.policy, viewer, now, self.orders, self.word) for row in self.rows]


def world_of(of: Drawn) -> World:
    rows = [records(of, name) for name in NAMES[: of.pick(range(1, len(NAMES) + 1))]]
    policy, orders, clock, word = policy_of(of), takedowns(of, 3), [0.0], words(of)
    cut = of.pick(range(len(rows) + 1))
    first = [records(of, row["item_id"]) if of.pick([False, True]) else row for row in rows[:cut]]
    early, at_once = takedowns(of, 2), of.pick([True, False])
    said = word if at_once else SILENT
    gate = Gate.compile(
        Catalogue.from_records(first), policy, lambda: clock[-1], early, labels=said.labels, rights=said.rights
    )
    for row in rows[cut:]:
        gate = gate.extended(Catalogue.from_records([row]))
    gate = gate.with_takedowns(orders)
    if not at_once:
        gate = gate.with_labels(word.labels).with_rights(word.rights)
    for at, row in enumerate(first):
        if row is not rows[at]:
            gate = gate.replaced(at, Catalogue.from_records([rows[at]]))
    return World(rows, gate, orders, clock, word)


def now_of(of: Drawn) -> float:
    return of.pick(range(-1, 15)) / 2


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


@EXAMPLES
@given(drawn(lambda of: (world_of(of), viewer_of(of), of.several(lambda: now_of(of), 3, 1)), 512))
def test_the_mask_and_the_check_are_exactly_what_the_rules_allow_at_every_moment(this):
    world, viewer, times = this
    gate, everything = world.gate, np.arange(len(world.rows), dtype=np.int32)
    for now in times:  # one gate, so that a mask which outlives its boundary is caught
        world.clock.append(now)
        expected = world.allows(viewer, now)
        assert gate.mask(viewer).tolist() == expected
        verdicts = gate.check(viewer, everything)
        assert verdicts.allowed.tolist() == expected
        assert [finding.verdict for finding in verdicts.findings] == verdicts.verdict  # worked out by another way
        assert not (gate.cleared(viewer) & ~gate.mask(viewer)).any()


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


def arrivals(of: Drawn) -> tuple[Any, ...]:
    edits = edits_of(of)
    return edits, of.some(edits, len(edits), len(edits)), viewer_of(of), now_of(of), person(of), exposure(of)


def visits(of: Drawn) -> tuple[Any, ...]:
    times, persons = of.several(lambda: now_of(of), 3, 1), of.several(lambda: person(of), 3, 1)
    return edits_of(of), viewer_of(of), times, persons, exposure(of)


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


@EXAMPLES
@given(drawn(lambda of: (takedowns(of, 4), viewer_of(of), of), 32))
def test_the_order_in_which_takedowns_arrive_changes_nothing(this):
    orders, viewer, of = this
    policy = Policy(name="p", version="1", surfaces={"feed": Surface(strict=False, unlabelled=Verdict.ALLOW)})
    gate = Gate.compile(Catalogue.bare(NAMES), policy, lambda: 0.0)
    shuffled = of.some(orders, len(orders), len(orders))
    assert (gate.with_takedowns(orders).mask(viewer) == gate.with_takedowns(shuffled).mask(viewer)).all()


@pytest.mark.parametrize("surface", ["feed", "home", "minor", "popup"])
def test_the_oracle_can_say_yes_and_no(surface):
    policy = Policy(
        name="p",
        version="1",
        surfaces={"feed": Surface(strict=False), "home": Surface(), "minor": Surface(minors=True)},
        labels={"ok": Label(verdict=Verdict.ALLOW)},
    )
    plain = dict.fromkeys(
        ("labels", "genres", "min_age", "territories", "available_from", "available_to", "embargo_until")
    )
    record = {**plain, "item_id": "i0", "labels": ["ok"]}
    assert oracle(record, policy, Viewer(surface), 0.0, [])
    assert not oracle(record | {"min_age": 4}, policy, Viewer(surface), 0.0, [])
