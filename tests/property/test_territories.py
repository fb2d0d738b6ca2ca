"""What a pack says of one territory changes no answer in another."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.dataset.catalogue import Catalogue
from recsys.safety import Gate, Label, Policy, Surface, Verdict
from recsys.safety.parts import Jurisdiction, SurfaceChange
from recsys.types import Viewer

EXAMPLES = settings(max_examples=200, deadline=None)
VERDICTS = st.sampled_from([v for v in Verdict if v is not Verdict.TAKEDOWN])
LABEL = st.builds(
    Label,
    verdict=VERDICTS,
    surfaces=st.dictionaries(st.sampled_from(["feed", "home"]), VERDICTS, max_size=1),
    min_age=st.sampled_from([None, 8, 16]),
)
LABELS = st.dictionaries(st.sampled_from(["ok", "rude", "grim"]), LABEL)
CHANGE = st.fixed_dictionaries(
    {},
    optional={
        "unlabelled": VERDICTS,
        "unrated": VERDICTS,
        "show_limited": st.booleans(),
        "max_per_creator": st.just(2),
    },
).map(lambda keys: SurfaceChange(**keys))
ENTRY = st.builds(Jurisdiction, surfaces=st.fixed_dictionaries({}, optional={"feed": CHANGE}), labels=LABELS)
VIEWERS = [
    Viewer(surface, place, age) for surface in ("feed", "home") for place in ("FR", "CN") for age in (None, 10, 30)
]
ITEMS = [
    {
        "item_id": f"{label}{age}{rating}",
        "labels": label and [label],
        "min_age": age,
        "media_type": "film",
        "ratings": rating,
    }
    for label in (None, "ok", "rude", "grim", "zzz")
    for age in (None, 12)
    for rating in (None, ["MPA:R"], ["FSK:6"])
]
CATALOGUE = Catalogue.from_records(ITEMS)
EVERY = np.arange(len(ITEMS), dtype=np.int32)


def gate_of(labels: dict[str, Label], entries: dict[str, Jurisdiction]) -> Gate:
    surfaces = {"feed": Surface(strict=False, unlabelled=Verdict.ALLOW), "home": Surface()}
    policy = Policy(
        name="p",
        version="1",
        surfaces=surfaces,
        labels={"ok": Label(verdict=Verdict.ALLOW), **labels},
        rated_media=("film",),
        regions={"north": ("DE", "DK")},
        territories=entries,
    )
    return Gate.compile(CATALOGUE, policy, lambda: 0.0)


def answers(gate: Gate, viewer: Viewer) -> Any:
    found = gate.check(viewer, EVERY)
    return gate.mask(viewer).tolist(), gate.cleared(viewer).tolist(), found.reasons, gate.limits(viewer)


@EXAMPLES
@given(LABELS, ENTRY, ENTRY, st.sampled_from(VIEWERS))
def test_the_entry_of_a_territory_or_region_changes_nothing_elsewhere(labels, own, region, viewer):
    without, with_them = gate_of(labels, {}), gate_of(labels, {"DE": own, "north": region})
    assert answers(with_them, viewer) == answers(without, viewer)


@EXAMPLES
@given(LABELS, ENTRY, ENTRY, st.sampled_from(["feed", "home"]), st.sampled_from([None, 10, 30]))
def test_where_the_territory_is_unknown_nothing_is_shown_that_some_territory_forbids(labels, own, region, surface, age):
    gate = gate_of(labels, {"DE": own, "north": region})
    unknown = gate.mask(Viewer(surface, None, age))
    for place in ("DE", "DK", "FR"):
        assert not (unknown & ~gate.mask(Viewer(surface, place, age))).any()
