"""Reranking moves what it is given and adds nothing; exploration never leaves the masked pool."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.content import ContentSpace
from recsys.dataset.catalogue import Catalogue
from recsys.pipeline import Overlay, Pipeline
from recsys.rerank import Calibration, Exploration, Rerank
from recsys.types import Slate, Viewer, query
from serving.api.encode import encode_list
from serving.asks import Ask
from serving.stores.control import Controls
from support.serve import make_bundle, stand

N = 12
GENRES = [["war"], ["love"], ["war", "love"], None, ["art"], []]
CATALOGUE = Catalogue.from_records([{"item_id": f"i{n:02}", "genres": GENRES[n % 6]} for n in range(N)])
CONTENT = ContentSpace.fit(CATALOGUE)
OVERLAY = Overlay(np.array([[0, 4], [3, 3]], np.int32), np.array([[0.5, 0.5], [0, 0]], np.float32))  # items 12 and 13

SHARE = st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])
RERANK = st.builds(
    Rerank,
    pool=st.integers(1, 16),
    diversity=SHARE,
    calibration=st.builds(Calibration, weight=SHARE, field=st.sampled_from(["genres", "language"])),
    exploration=st.builds(
        Exploration, slots=st.integers(0, 6), epsilon=SHARE, temperature=st.sampled_from([0.01, 0.2, 100.0])
    ),
)
SCORE = st.floats(-(2.0**99), 2.0**99, width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 0.0])


@st.composite
def slates(draw):
    items = draw(st.lists(st.integers(0, N + 1), max_size=N + 2, unique=True))
    scores = draw(st.lists(SCORE, min_size=len(items), max_size=len(items)))
    return Slate(
        np.array(items, np.int32),
        np.array(scores, np.float32),
        tuple(f"source of {item}" for item in items),
        tuple(f"override of {item}" if item % 3 else None for item in items),
    )


@settings(max_examples=300)
@given(
    slates(), RERANK, st.lists(st.integers(0, N - 1), max_size=5), st.integers(0, 10), st.none() | st.integers(0, 99)
)
def test_a_reranked_list_has_the_same_items_each_with_what_belongs_to_it(slate, rerank, history, k, seed):
    line = Pipeline(CATALOGUE, (), CONTENT, rerank)
    after, propensities = line.reranked(slate, query(np.array(history, np.int32)), k, OVERLAY, seed)
    rows = zip(after.items.tolist(), after.sources, after.overrides, strict=True)
    assert sorted(rows, key=str) == sorted(
        zip(slate.items.tolist(), slate.sources, slate.overrides, strict=True), key=str
    )
    assert after.scores is slate.scores
    width = rerank.width(k)
    assert after.items[width:].tolist() == slate.items[width:].tolist()
    assert ((propensities > 0) & (propensities <= 1)).all()
    if not rerank.reorders and (seed is None or not rerank.exploration.active):
        assert after is slate


ITEMS = st.lists(st.integers(0, 39).map(lambda i: f"i{i:02}"), max_size=12, unique=True)
TAKEN_DOWN = {"i01", "i02", "i11"}
EVERYTHING = Rerank(
    pool=20,
    diversity=0.5,
    calibration=Calibration(weight=0.3),
    exploration=Exploration(slots=8, epsilon=0.9, temperature=100.0),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explored")
    made = stand(folder, make_bundle(folder / "b", rerank=EVERYTHING))
    for item in TAKEN_DOWN:
        made.control.take_down(item, reason="test", actor="officer")
    return made


@settings(max_examples=100)
@given(
    session=ITEMS,
    hidden=ITEMS,
    age=st.none() | st.integers(3, 80),
    surface=st.sampled_from(["feed", "search", "detail", "home", "minor"]),
    k=st.integers(1, 45),
    seed=st.integers(0, 2**53 - 1),
)
def test_exploration_never_leaves_the_masked_pool(here, session, hidden, age, surface, k, seed):
    viewer = Viewer(surface, age=age)
    here.control.put_controls("u", Controls(True, frozenset(hidden)))
    made = here.engine.recommend([Ask(viewer, k, user_id="u", session=tuple(session), seed=seed)])[0]
    shown = made.view.ids.external(made.slate.items)
    allowed = set(made.view.ids.external(np.flatnonzero(made.view.gate.mask(viewer)).astype(np.int32)))
    allowed -= {*session, *hidden, *TAKEN_DOWN}
    assert set(shown) <= allowed
    assert len(shown) == len(set(shown)) == min(k, len(allowed))


@settings(max_examples=50)
@given(left=ITEMS, right=ITEMS, seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)), by_control=st.booleans())
def test_opted_out_users_get_one_list_whatever_is_explored_and_calibrated(here, left, right, seeds, by_control):
    asks = []
    for name, history, seed in (("left", left, seeds[0]), ("right", right, seeds[1])):
        here.state.erase(name)
        here.saw(name, *history)
        here.control.put_controls(name, Controls(personalised=not by_control))
        viewer = Viewer("feed", age=30, personalised=by_control)
        asks.append(Ask(viewer, 10, user_id=name, seed=seed))
    first, second = (replace(made, decision_id="") for made in here.engine.recommend(asks))
    assert encode_list(first) == encode_list(second)
