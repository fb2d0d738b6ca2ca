"""A policy that is said to loosen nothing shows nobody anything that was not shown before."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.dataset.catalogue import Catalogue
from recsys.safety import Gate, Label, Policy, Rule, Surface, Verdict
from recsys.safety.difference import difference
from recsys.safety.parts import Jurisdiction
from recsys.types import Viewer

VERDICTS = st.sampled_from([v for v in Verdict if v is not Verdict.TAKEDOWN])
HARD = st.sampled_from([Verdict.HOLD, Verdict.BLOCK])
LABEL = st.builds(
    Label,
    verdict=VERDICTS,
    surfaces=st.dictionaries(st.sampled_from(["feed", "home"]), VERDICTS, max_size=1),
    min_age=st.sampled_from([None, 8, 16]),
    clears=st.booleans(),
    part=st.sampled_from(["item", "item", "artwork"]),
)
LABELS = st.fixed_dictionaries(dict.fromkeys(("ok", "rude"), LABEL), optional={"grim": LABEL})
RULES = st.lists(
    st.builds(
        Rule,
        field=st.just("genres"),
        any_of=st.sampled_from([("war",), ("war", "love"), ("love",)]),
        unless=st.sampled_from([{}, {"licence": ("x",)}, {"labels": ("ok",)}]),
        labels=st.sampled_from([("ok",), ("rude",)]),
    ),
    max_size=2,
).map(tuple)


@st.composite
def policies(draw):
    entry = Jurisdiction(labels=draw(st.dictionaries(st.sampled_from(["ok", "rude"]), LABEL, max_size=1)))
    return Policy(
        name="p",
        version="1",
        surfaces={
            "feed": Surface(strict=False, unlabelled=draw(VERDICTS), unknown_label=draw(VERDICTS), unknown_age=16),
            "home": Surface(unlabelled=draw(HARD), unrated=draw(VERDICTS)),
        },
        labels=draw(LABELS),
        rules=draw(RULES),
        rated_media=draw(st.sampled_from([(), ("film",)])),
        territories=draw(st.sampled_from([{}, {"DE": entry}])),
    )


ITEMS = Catalogue.from_records(
    [
        {"item_id": f"{n}", "labels": labels, "genres": genres, "min_age": age, "licence": licence, "media_type": media}
        for n, (labels, genres, age, licence, media) in enumerate(
            (labels, genres, age, licence, media)
            for labels in (None, ["ok"], ["rude"], ["grim", "ok"], ["new"])
            for genres in (None, ["war"], ["war", "love"])
            for age in (None, 12)
            for licence in (None, "x")
            for media in (None, "film")
        )
    ]
)
EVERY = np.arange(len(ITEMS), dtype=np.int32)
NOBODY = Catalogue.from_records([])
VIEWERS = [Viewer(s, t, a) for s in ("feed", "home", "other") for t in ("DE", "FR", None) for a in (None, 9, 13, 30)]


def narrower(old, other):
    """The old policy with verdicts raised to those of another one: two random ones are hardly ever comparable."""
    labels = {
        name: label.model_copy(update={"verdict": max(label.verdict, other.labels[name].verdict), "surfaces": {}})
        for name, label in old.labels.items()
        if name in other.labels
    }
    values = {name: getattr(old, name) for name in Policy.model_fields}
    return Policy.model_validate({**values, "labels": labels, "rules": (*old.rules, *other.rules)})


@settings(max_examples=40)
@given(policies(), policies(), st.booleans())
def test_what_is_said_to_loosen_nothing_loosens_nothing(old, other, narrowed):
    new = narrower(old, other) if narrowed else other
    if difference(NOBODY, {}, old, new, lambda: 0.0).loosens:
        return
    before, after = (Gate.compile(ITEMS, policy, lambda: 0.0) for policy in (old, new))
    for viewer in VIEWERS:
        a, b = before.check(viewer, EVERY), after.check(viewer, EVERY)
        assert (b.codes >= a.codes).all()
        assert not (a.withheld & ~b.withheld & np.where(b.allowed, 255, 0).astype(np.uint8)).any()
        assert not (after.cleared(viewer) & ~before.cleared(viewer)).any()


def test_a_policy_loosens_nothing_beside_itself_and_something_beside_a_stricter_one():
    one = Policy(name="p", version="1", surfaces={"feed": Surface()}, labels={"ok": Label(verdict=Verdict.ALLOW)})
    strict = one.model_copy(update={"labels": {"ok": Label(verdict=Verdict.BLOCK)}})
    assert difference(NOBODY, {}, one, one, lambda: 0.0).loosens == ()
    assert difference(NOBODY, {}, one, strict, lambda: 0.0).loosens == ()
    assert difference(NOBODY, {}, strict, one, lambda: 0.0).loosens


def test_two_rules_that_are_exceptions_to_each_other_loosen_what_either_tightens():
    def pack(*rules):
        labels = {"ok": Label(verdict=Verdict.BLOCK), "rude": Label(verdict=Verdict.ALLOW)}
        return Policy(name="p", version="1", surfaces={"feed": Surface(strict=False)}, labels=labels, rules=rules)

    war = Rule(field="genres", any_of=("war",), unless={"labels": ("ok",)}, labels=("ok",))
    love = Rule(field="genres", any_of=("love",), unless={"labels": ("ok",)}, labels=("ok",))
    assert difference(NOBODY, {}, pack(war), pack(war, love), lambda: 0.0).loosens


def test_a_rule_that_clears_what_another_one_only_labels_loosens_where_that_makes_an_exception():
    def pack(*rules):
        labels = {"ok": Label(verdict=Verdict.ALLOW), "rude": Label(verdict=Verdict.HOLD)}
        feed = Surface(strict=False, unlabelled=Verdict.HOLD)
        return Policy(name="p", version="1", surfaces={"feed": feed}, labels=labels, rules=rules)

    licensed = Rule(field="genres", any_of=("war",), unless={"licence": ("x",)}, labels=("rude",))
    cleared = Rule(field="genres", any_of=("war",), labels=("ok",))
    assert difference(NOBODY, {}, pack(), pack(licensed, cleared), lambda: 0.0).loosens
