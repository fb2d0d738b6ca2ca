"""What requests of one batch share is worked out once, and no list is another for it."""

import math

import numpy as np
import pytest

from recsys.models.als import ALSModel
from recsys.overrides import Override
from recsys.safety import Gate
from recsys.types import Viewer
from serving.asks import Ask
from serving.scene import Masks
from support.data import AT
from support.serve import stand

ADULT, CHILD = Viewer("feed", "DE", 30), Viewer("feed", "DE", 12)


@pytest.fixture
def here(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr("serving.engine.SPARE", 0)  # so that few items are candidates
    return stand(tmp_path, bundle)


def boost(here, item):
    order = Override(f"boost-{item}", "boost", item, factor=5.0, start=AT - 10, end=AT + 10, created_at=AT)
    here.control.put_override(order, "editor")


def counted(monkeypatch, cls, name):
    calls, whole = [], getattr(cls, name)
    monkeypatch.setattr(cls, name, lambda self, *given: calls.append(given) or whole(self, *given))
    return calls


def test_a_boost_from_beyond_the_candidates_is_scored_once_for_all_and_alike_alone(here, monkeypatch):
    boosted = [f"i{n:02}" for n in range(0, 40, 4)]
    for item in boosted:
        boost(here, item)
    asks = [Ask(ADULT, 3, session=(f"i{n:02}", f"i{n + 2:02}")) for n in (10, 20, 30)]
    alone = [here.engine.recommend([ask])[0].slate for ask in asks]
    calls = counted(monkeypatch, ALSModel, "score")
    together = [answer.slate for answer in here.engine.recommend(asks)]
    assert [len(queries) for queries, _ in calls] == [3]
    assert [(one.items.tolist(), one.scores.tolist()) for one in together] == [
        (one.items.tolist(), one.scores.tolist()) for one in alone
    ]
    assert any("boost" in one.sources for one in together), "else nothing came from beyond the candidates"


def test_a_list_that_is_late_asks_the_first_model_for_nothing_not_even_for_a_boost(here, monkeypatch):
    boost(here, "i01")
    calls = counted(monkeypatch, ALSModel, "score")
    (answer,) = here.engine.recommend([Ask(ADULT, 3, session=("i10", "i12"), deadline=-math.inf)])
    assert "deadline" in answer.degraded
    assert calls == []


def test_the_last_check_is_one_call_for_each_viewer_and_the_lists_of_each_are_its_own(here, monkeypatch):
    asks = [Ask(ADULT, 5), Ask(CHILD, 7), Ask(ADULT, 4, session=("i01",))]
    alone = [here.engine.recommend([ask])[0].slate.items.tolist() for ask in asks]
    calls = counted(monkeypatch, Gate, "check")
    together = [answer.slate.items.tolist() for answer in here.engine.recommend(asks)]
    assert together == alone
    assert [(viewer, len(items)) for viewer, items in calls] == [(ADULT, 9), (CHILD, 7)]


def test_what_the_check_takes_from_one_list_of_a_batch_is_refilled_there_and_the_others_stay(here, monkeypatch):
    asks = [Ask(ADULT, 5, session=("i01",)), Ask(ADULT, 5, session=("i02",))]
    before = [answer.slate.items.tolist() for answer in here.engine.recommend(asks)]
    gone = next(item for item in before[0] if item not in before[1])
    here.control.take_down(here.engine.live.view().ids[gone], reason="test", actor="officer")
    view = here.engine.live.view()
    everything = np.ones(len(view.ids), bool)
    monkeypatch.setattr(type(view), "allowed", lambda self, viewer, live: everything)
    first, second = here.engine.recommend_on(view, asks)
    assert first.slate.items.tolist()[:4] == [item for item in before[0] if item != gone]
    assert len(first.slate) == 5
    assert first.removed == ("takedown",)
    assert (second.slate.items.tolist(), second.removed) == (before[1], ())


def test_a_mask_is_whole_again_after_each_list_of_a_batch():
    masks, allowed = Masks(), np.array([True, True, False, True])
    with masks.without(allowed, np.array([0, 2], np.int32)) as left:
        assert left.tolist() == [False, True, False, True]
    with masks.without(allowed, np.array([3], np.int32)) as left:
        assert left.tolist() == [True, True, False, False]
    assert allowed.tolist() == [True, True, False, True]
    assert masks.size(allowed) == 3
