"""Whatever is published, rolled back or withdrawn for one territory, no other gets another answer."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError
from recsys.safety import Gate, parse_policy
from recsys.safety.local import parse_pack
from recsys.types import Viewer
from serving.policies import Packs
from serving.stores.control import ControlStore
from serving.stores.policies import PackText
from support.gates import PACK
from support.policies import local

BASE = parse_policy(PACK + '[regions]\nnorth = ["DK", "SE"]\n[labels.rude]\nverdict = "label"\n')
VERDICTS = ("allow", "label", "limit", "hold", "block")
SCOPES = ("DE", "DK", "north", "CN")
REACH = {"DE": {"DE"}, "CN": {"CN"}, "DK": {"DK"}, "north": {"DK", "SE"}}
PLACES = ("DE", "DK", "SE", "CN", "FR")
CATALOGUE = Catalogue.from_records(
    [{"item_id": f"{label}{age}", "labels": label and [label], "min_age": age}
     for label in (None, "general", "rude", "grim") for age in (None, 16)]
)  # fmt: skip
EVERY = np.arange(len(CATALOGUE), dtype=np.int32)
STEP = st.tuples(
    st.sampled_from(["publish", "rollback", "withdraw"]),
    st.sampled_from(SCOPES),
    st.sampled_from(VERDICTS),
    st.sampled_from(["rude", "grim"]),
    st.booleans(),
)


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    store = ControlStore.open(tmp_path_factory.mktemp("store") / "control.db", lambda: 0.0)
    yield store
    store.close()


def answers(packs: Packs) -> dict[str, Any]:
    """What viewers of each place get."""
    gate = Gate.compile(CATALOGUE, packs.policy(), lambda: 0.0)
    viewers = {place: [Viewer(s, place, age) for s in ("feed", "home") for age in (None, 10, 30)] for place in PLACES}
    return {
        place: [(gate.check(v, EVERY).reasons, gate.mask(v).tolist(), gate.limits(v)) for v in some]
        for place, some in viewers.items()
    }


def in_force(control: ControlStore) -> Packs:
    found = control.policy_standing().in_force
    packs = {scope: parse_pack(control.policy_pack(number).text) for scope, number in found.items()}
    return Packs(BASE, packs)


def take(control: ControlStore, step: tuple[str, str, str, str, bool]) -> None:
    """One step of one person; what it loosens is not this test's matter."""
    action, scope, verdict, label, closed = step
    since = control.policy_standing().since
    if action == "publish":
        more = '[surfaces.feed]\nunlabelled = "hold"\nmax_per_creator = 1\n' if closed else ""
        text = local(scope, f'{more}[labels.{label}]\nverdict = "{verdict}"\n')
        control.propose_policy(PackText(scope, "here@1", text), scope, (), since, actor="sam", reason="r")
        return
    history = [s.number for s in control.policy_steps() if s.action == "publish" and s.scope == scope]
    number = history[-2] if action == "rollback" and len(history) > 1 else 0
    pack = control.policy_pack(number) if number else None
    control.propose_policy(pack, scope, (), since, actor="sam", reason="r")


@settings(max_examples=60)
@given(steps=st.lists(STEP, min_size=1, max_size=3))
def test_a_step_for_one_territory_changes_no_answer_in_another(control, steps):
    before = answers(in_force(control))
    for step in steps:
        take(control, step)
        after = answers(in_force(control))
        for place in set(PLACES) - REACH[step[1]]:
            assert after[place] == before[place]
        before = after


def test_a_pack_of_a_territory_does_change_its_own_answers(control):
    before = answers(in_force(control))
    take(control, ("publish", "CN", "block", "general", False))
    assert answers(in_force(control))["CN"] != before["CN"]
    with pytest.raises(ConfigError, match="neither a territory"):
        Packs(BASE, {"south": parse_pack(local("south"))}).policy()
