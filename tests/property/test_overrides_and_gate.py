"""What is shown is a subset of what safety allows, for every catalogue, policy, order, viewer and moment.

The oracle is written from the rules, item by item, on the records themselves; it shares no code with the gate.
"""

from datetime import UTC, datetime
from math import inf
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.dataset.catalogue import Catalogue
from recsys.dataset.ids import IdMap
from recsys.overrides import Override, OverrideIndex, Placed, Quota, QuotaIndex, Room, place
from recsys.safety import Effective, Gate, Label, Policy, Rule, Surface, Takedown, Verdict
from recsys.safety.parts import Band, Jurisdiction
from recsys.types import BoolArray, Slate, Viewer
from support.campaigns import Known
from support.examples import EXAMPLES
from support.orders import campaigns, exposures, people

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


def mostly(harmless: Any, otherwise: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Many fields in a record: each is harmless more often than not, so that a good share of items is shown."""
    return st.integers(0, 4).flatmap(lambda n: otherwise if n == 0 else st.just(harmless))


MOMENT = mostly(None, st.integers(0, 6).map(lambda second: datetime.fromtimestamp(second, UTC)))
LABEL_NAME = st.sampled_from(["ok", "OK", "rude", "grim", "zzz", "", "ok|rude", None])
CODE = st.sampled_from(["DE", "FR", "CN", "WW", "USA", None])


def records(item: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "item_id": st.just(item),
            "labels": mostly(["ok"], st.none() | st.lists(LABEL_NAME, max_size=2)),
            "genres": st.sampled_from([None, [], ["War"], ["Love"], ["War", "Love"]]),
            "min_age": st.none() | st.sampled_from([-1, 3, 5, 12, 13, 15, 18, 21, 100]),
            "territories": mostly(None, st.lists(CODE, max_size=2)),
            "available_from": MOMENT,
            "available_to": MOMENT,
            "embargo_until": MOMENT,
        }
    )


VERDICTS = st.sampled_from([v for v in Verdict if v is not Verdict.TAKEDOWN])
GENTLE = mostly(Verdict.ALLOW, VERDICTS)
AGES = mostly(None, st.sampled_from([0, 3, 8, 12, 13, 16, 18, 21]))
STRICT = st.builds(
    Surface,
    unlabelled=st.sampled_from([Verdict.HOLD, Verdict.BLOCK]),
    unknown_label=st.sampled_from([Verdict.HOLD, Verdict.BLOCK]),
    unknown_age=st.none() | st.integers(0, 3),
)
LOOSE = st.builds(
    Surface,
    strict=st.just(False),
    minors_cleared_only=st.booleans(),
    show_limited=st.booleans(),
    unlabelled=GENTLE,
    unknown_label=GENTLE,
    unknown_age=st.none() | st.sampled_from([0, 12, 18]),
)
BANDS_OF_SCORE = st.lists(
    st.builds(Band, at_least=st.just(0.5), verdict=GENTLE, min_age=AGES), min_size=1, max_size=1
).map(lambda bands: (Band(at_least=0.0, verdict=Verdict.ALLOW), *bands))
LABEL = st.builds(
    Label,
    verdict=GENTLE,
    bands=mostly((), BANDS_OF_SCORE),
    surfaces=st.dictionaries(st.sampled_from(["feed", "home", "minor"]), GENTLE, max_size=2),
    min_age=AGES,
)
GIVEN = st.lists(st.sampled_from(["ok", "rude", "grim"]), min_size=1, max_size=2, unique=True)
RULE = st.one_of(
    st.builds(Rule, otherwise=st.just(True), labels=GIVEN, min_age=AGES),
    st.builds(
        Rule,
        field=st.just("genres"),
        any_of=st.just(("war",)),
        none_of=st.sampled_from([(), ("Love",)]),
        labels=GIVEN,
        min_age=AGES,
    ),
)
POLICY = st.builds(
    Policy,
    name=st.just("p"),
    version=st.just("1"),
    surfaces=st.fixed_dictionaries(
        {"feed": LOOSE, "home": STRICT, "minor": STRICT.map(lambda s: s.model_copy(update={"minors": True}))}
    ),
    labels=st.fixed_dictionaries({"ok": LABEL, "rude": LABEL, "grim": LABEL}),
    rules=st.lists(RULE, max_size=2),
    territories=mostly(
        {}, st.fixed_dictionaries({"DE": st.builds(Jurisdiction, labels=st.fixed_dictionaries({"rude": LABEL}))})
    ),
)
SAID = st.builds(
    Effective,
    label=st.sampled_from(["ok", "ok", "rude", "grim", "zzz", "error"]),
    score=st.sampled_from([None, 0.0, 0.4, 0.5, 1.0]),
    territory=mostly(None, st.just("DE")),
    source=st.just("model"),
    expires=mostly(None, st.integers(0, 6).map(float)),
)
SPAN = st.tuples(st.integers(-1, 6).map(float), st.integers(-1, 8).map(float))
SPANS = st.lists(SPAN, max_size=2).map(tuple)
WORDS = st.builds(
    Word,
    mostly({}, st.dictionaries(st.sampled_from(NAMES), st.lists(SAID, max_size=2).map(tuple))),
    mostly({}, st.dictionaries(st.sampled_from(NAMES), st.builds(Spans, SPANS, SPANS))),
)
VIEWER = st.builds(
    Viewer,
    surface=st.sampled_from(["feed", "feed", "home", "minor", "popup"]),
    territory=st.sampled_from([None, "DE", "FR", "CN", "WW", "nowhere"]),
    age=st.sampled_from([None, None, 0, 5, 13, 15, 17, 18, 25]),
)
TAKEDOWN = st.builds(
    Takedown,
    id=st.just("t"),
    item_id=st.sampled_from([*NAMES, "absent"]),
    territory=st.sampled_from([None, "DE", "CN"]),
)
ACTION = st.sampled_from(
    [
        ("pin", 1, None),
        ("pin", 2, None),
        ("pin", 5, None),
        ("boost", None, 4.0),
        ("bury", None, 0.3),
        ("exclude", None, None),
    ]
)
ORDER = st.builds(
    lambda id, item, action, surfaces, where, start, priority, created: Override(  # noqa: A006
        id, action[0], item, action[1], action[2], surfaces, where, start, start + 4.0, priority, created
    ),
    id=st.sampled_from([f"o{n}" for n in range(20)]),
    item=st.sampled_from([*NAMES, "absent"]),
    action=ACTION,
    surfaces=st.sampled_from([frozenset(), frozenset({"feed"}), frozenset({"home", "minor"})]),
    where=st.sampled_from([frozenset(), frozenset({"DE"})]),
    start=st.integers(-2, 5).map(float),
    priority=st.integers(0, 1),
    created=st.integers(0, 2).map(float),
)


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


@st.composite
def worlds(draw: st.DrawFn) -> World:
    rows = [draw(records(name)) for name in NAMES[: draw(st.integers(1, len(NAMES)))]]
    policy, orders, clock, word = draw(POLICY), draw(st.lists(TAKEDOWN, max_size=3)), [0.0], draw(WORDS)
    cut = draw(st.integers(0, len(rows)))
    first = [draw(records(row["item_id"])) if draw(st.booleans()) else row for row in rows[:cut]]
    early, at_once = draw(st.lists(TAKEDOWN, max_size=2)), draw(st.booleans())
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


NOW = st.integers(-1, 14).map(lambda half: half / 2)
MOMENTS = st.lists(NOW, min_size=1, max_size=3)


@EXAMPLES
@given(worlds(), VIEWER, MOMENTS)
def test_the_mask_and_the_check_are_exactly_what_the_rules_allow_at_every_moment(world, viewer, times):
    gate, everything = world.gate, np.arange(len(world.rows), dtype=np.int32)
    for now in times:  # one gate, so that a mask which outlives its boundary is caught
        world.clock.append(now)
        expected = world.allows(viewer, now)
        assert gate.mask(viewer).tolist() == expected
        verdicts = gate.check(viewer, everything)
        assert verdicts.allowed.tolist() == expected
        assert [finding.verdict for finding in verdicts.findings] == verdicts.verdict  # worked out by another way
        assert not (gate.cleared(viewer) & ~gate.mask(viewer)).any()


@st.composite
def slates(draw: st.DrawFn) -> Slate:
    items = draw(st.lists(st.integers(0, len(NAMES) + 1), max_size=8))
    score = st.floats(-1e6, 1e6, width=32) | st.sampled_from([np.nan, np.inf, -np.inf])
    scores = draw(st.lists(score, min_size=len(items), max_size=len(items)))
    ids = tuple(["als"] * len(items))
    return Slate(np.array(items, np.int32), np.array(scores, np.float32), ids, (None,) * len(items))


EDITS = st.lists(ORDER | campaigns([*NAMES, "absent"]), max_size=6)
QUOTAS = st.lists(
    st.builds(
        Quota,
        id=st.sampled_from(["q1", "q2", "q3"]),
        field=st.just("genres"),
        values=st.sampled_from([("War",), ("love",)]),
        share=st.sampled_from([0.1, 0.3, 0.5, 1.0]),
        surfaces=st.sampled_from([frozenset(), frozenset({"feed"})]),
    ),
    max_size=2,
)
MORE = st.lists(st.tuples(st.integers(0, len(NAMES)), st.floats(-2, 2, width=32)), max_size=6).map(
    lambda scores: Known(tuple(scores))
)


@EXAMPLES
@given(worlds(), VIEWER, MOMENTS, EDITS, people(), exposures(), QUOTAS, slates(), st.integers(0, 10), MORE)
def test_whatever_editors_order_nothing_is_shown_that_the_rules_do_not_allow(
    world, viewer, times, edits, person, exposure, quotas, slate, k, more
):
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
@given(EDITS, VIEWER, NOW, people(), exposures(), st.randoms(use_true_random=False))
def test_the_order_in_which_overrides_arrive_changes_nothing(edits, viewer, now, person, exposure, random):
    shuffled = random.sample(edits, len(edits))
    first, second = (
        OverrideIndex.compile(some, IdMap(NAMES)).live(viewer, now, person, exposure) for some in (edits, shuffled)
    )
    assert said(first) == said(second)


@EXAMPLES
@given(EDITS, VIEWER, MOMENTS, st.lists(people(), min_size=1, max_size=3), exposures())
def test_what_is_remembered_between_two_moments_is_what_is_resolved_anew(edits, viewer, times, persons, exposure):
    kept = OverrideIndex.compile(edits, IdMap(NAMES))
    for now in times:
        for person in persons:
            fresh = OverrideIndex.compile(edits, IdMap(NAMES)).live(viewer, now, person, exposure)
            assert said(kept.live(viewer, now, person, exposure)) == said(fresh)


def said(live: Any) -> tuple[Any, ...]:
    """Everything that may change a list."""
    due = [live.plan.promises.ids[at] for at in live.due]
    return (live.resolved.claims, live.factors, live.excluded, live.resolved.texts, live.unserved, due)


@EXAMPLES
@given(st.lists(TAKEDOWN, max_size=4), VIEWER, st.randoms(use_true_random=False))
def test_the_order_in_which_takedowns_arrive_changes_nothing(orders, viewer, random):
    policy = Policy(name="p", version="1", surfaces={"feed": Surface(strict=False, unlabelled=Verdict.ALLOW)})
    gate = Gate.compile(Catalogue.bare(NAMES), policy, lambda: 0.0)
    shuffled = random.sample(orders, len(orders))
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
