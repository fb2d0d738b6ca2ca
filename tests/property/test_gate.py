"""The gate lets through what the rules allow, for every catalogue, policy, viewer and moment, and nothing else."""

import numpy as np
import pytest
from hypothesis import given

from recsys.dataset.catalogue import Catalogue
from recsys.safety import Gate, Label, Policy, Surface, Verdict
from recsys.types import Viewer
from support.drawn import drawn
from support.examples import EXAMPLES
from support.oracle import oracle
from support.worlds import NAMES, now_of, takedowns, viewer_of, world_of


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
