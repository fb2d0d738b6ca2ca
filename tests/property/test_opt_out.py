"""Personalisation off: whatever two users did, they get byte-identical lists in the same context (S01)."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.asks import Ask
from serving.stores.control import Controls
from support.serve import make_bundle, stand

ITEMS = st.lists(st.integers(0, 39).map(lambda i: f"i{i:02}"), max_size=12, unique=True)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("optout")
    return stand(folder, make_bundle(folder / "b"))


@settings(max_examples=100)
@given(
    left=ITEMS,
    right=ITEMS,
    session=ITEMS,
    age=st.none() | st.integers(3, 80),
    surface=st.sampled_from(["feed", "search", "detail", "home", "minor"]),
    k=st.integers(1, 45),
    by_control=st.booleans(),
)
def test_opted_out_users_cannot_be_told_apart(here, left, right, session, age, surface, k, by_control):
    viewer = Viewer(surface, age=age, personalised=by_control)
    asks = []
    for name, history in (("left", left), ("right", right)):
        here.state.erase(name)
        here.saw(name, *history)
        here.control.put_controls(name, Controls(personalised=not by_control))
        asks.append(Ask(viewer, k, user_id=name, session=tuple(session) if name == "left" else ()))
    answers = [replace(answer, decision_id="") for answer in here.engine.recommend(asks)]
    assert encode_list(answers[0]) == encode_list(answers[1])
