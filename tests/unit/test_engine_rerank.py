"""Reranking and exploration in a request: what they may move, when they are off, and what is logged."""

import json
from dataclasses import replace

import pytest

from recsys.overrides import Override
from recsys.rerank import Calibration, Exploration, Rerank
from recsys.rerank.stage import Reranker
from recsys.types import Viewer
from serving.asks import Ask
from serving.decisions import record
from serving.stores.control import Controls
from support.data import AT
from support.serve import stand, under

ADULT = Viewer("feed", age=30)
REDS = ("i01", "i03", "i05")  # odd items are of one colour
EXPLORING = Rerank(exploration=Exploration(slots=5, epsilon=1.0, temperature=100.0))


@pytest.fixture
def place(bundle, tmp_path):
    """A stand whose bundle reranks as it is told."""

    def built(rerank):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        return stand(folder, replace(bundle, pipeline=replace(bundle.pipeline, rerank=rerank)))

    return built


def answer(here, **ask):
    return here.engine.recommend([Ask(**{"viewer": ADULT, "session": REDS, **ask})])[0]


def shown(here, **ask):
    made = answer(here, **ask)
    return made.view.ids.external(made.slate.items)


def colours(items):
    return {int(item[1:]) % 2 for item in items}


def pin(item, slot):
    return Override(
        id=f"pin-{item}",
        action="pin",
        item_id=item,
        slot=slot,
        factor=None,
        surfaces=frozenset(),
        territories=frozenset(),
        start=AT - 10,
        end=AT + 10,
        priority=0,
        created_at=AT,
        created_by="editor",
        reason="test",
    )


def test_diversity_brings_the_other_colour_into_a_list_of_one(place):
    assert colours(shown(place(Rerank()), k=6)) == {1}
    assert colours(shown(place(Rerank(diversity=0.9)), k=6)) == {0, 1}


def test_calibration_keeps_to_the_colours_of_the_history_in_their_shares(place):
    here = place(Rerank(calibration=Calibration(weight=0.99)))
    mixed = shown(here, k=8, session=("i01", "i03", "i05", "i02"))
    assert sum(int(item[1:]) % 2 for item in mixed) == 6


def test_sources_and_reasons_stay_with_their_items(place):
    plain, diverse = (answer(place(rerank), k=40) for rerank in (Rerank(), Rerank(diversity=0.9)))
    told = [dict(zip(made.slate.items.tolist(), made.slate.sources, strict=True)) for made in (plain, diverse)]
    assert told[0] == told[1]
    assert len(diverse.reasons) == len(diverse.slate)
    assert plain.slate.items.tolist() != diverse.slate.items.tolist()


def test_a_pin_keeps_its_slot_whatever_is_diversified_or_drawn(place):
    here = place(EXPLORING.model_copy(update={"diversity": 0.9}))
    here.control.put_override(pin("i20", 4), "editor")
    for seed in range(10):
        made = answer(here, k=5, seed=seed)
        assert made.view.ids.external(made.slate.items)[3] == "i20"
        assert made.propensities[3] == 1.0


def test_a_shorter_list_is_the_beginning_of_a_longer_one(place):
    here = place(Rerank(diversity=0.5))
    assert shown(here, k=20)[:5] == shown(here, k=5)


def test_a_list_does_not_depend_on_who_else_is_in_the_batch(place):
    here = place(Rerank(diversity=0.5, calibration=Calibration(weight=0.3)))
    asks = [Ask(ADULT, 5, session=REDS), Ask(ADULT, 30, session=("i02",)), Ask(ADULT, 5), Ask(ADULT, 30)]
    together = [made.slate.items.tolist() for made in here.engine.recommend(asks)]
    assert together == [here.engine.recommend([ask])[0].slate.items.tolist() for ask in asks]


def test_a_list_around_one_work_stays_alike(place):
    plain, diverse = place(Rerank()), place(Rerank(diversity=1.0))
    assert shown(diverse, session=(), similar_to="i07") == shown(plain, session=(), similar_to="i07")


def test_a_rerank_that_fails_leaves_the_list_as_it_was_and_says_so(place, monkeypatch):
    def broken(*_):
        raise ValueError("no")

    plain = shown(place(Rerank()))
    monkeypatch.setattr(Reranker, "pool", broken)
    made = answer(place(Rerank(diversity=0.5)))
    assert made.view.ids.external(made.slate.items) == plain
    assert made.degraded == ("rerank_failed",)


# exploration


def test_the_logged_seed_gives_the_same_list_again(place):
    here = place(EXPLORING)
    lists = []
    for seed in range(5):
        logged = record(answer(here, seed=seed))
        again = record(answer(here, seed=logged["seed"]))
        assert (again["items"], again["propensities"]) == (logged["items"], logged["propensities"])
        lists.append(logged["items"])
    assert lists[0] != lists[1]


def test_every_shown_item_is_logged_with_its_propensity(place):
    made = record(answer(place(EXPLORING), k=10, seed=1))
    # 37 items are left after the session: the first five places are certain, then one of 32 left, of 31, …
    assert made["propensities"][:5] == [1.0] * 5
    assert made["propensities"][5:] == pytest.approx([1 / 32, 1 / 31, 1 / 30, 1 / 29, 1 / 28], rel=0.02)
    assert len(made["propensities"]) == len(made["items"]) == 10


def test_a_decision_without_exploration_has_neither_seed_nor_propensities(place):
    made = record(answer(place(Rerank(diversity=0.5)), seed=1))
    assert not {"seed", "propensities"} & set(made)


def explored(here, **ask):
    """Whether any of ten seeds changes the list, or anything is logged of it."""
    made = [answer(here, **{"seed": seed, **ask}) for seed in range(10)]
    return len({tuple(one.slate.items.tolist()) for one in made}) > 1 or any(one.propensities for one in made)


def test_it_is_on_for_an_adult_in_the_feed(place):
    assert explored(place(EXPLORING))


def test_it_is_off_without_a_seed_as_in_batch_lists(place):
    assert not explored(place(EXPLORING), seed=None)


def test_it_is_off_where_personalisation_is(place):
    here = place(EXPLORING)
    assert not explored(here, viewer=replace(ADULT, personalised=False))
    here.control.put_controls("u", Controls(personalised=False))
    assert not explored(here, user_id="u")


def test_it_is_off_for_minors(place):
    assert not explored(place(EXPLORING), viewer=Viewer("feed", age=17))


def test_it_is_off_on_strict_surfaces(place):
    here = place(EXPLORING)
    view = here.engine.live.view()
    feed = view.policy.surface("feed").model_copy(update={"strict": True})
    strict = view.policy.model_copy(update={"surfaces": {**view.policy.surfaces, "feed": feed}})
    asks = [Ask(ADULT, session=REDS, seed=seed) for seed in range(10)]
    made = here.engine.recommend_on(under(view, strict, ["general"]), asks)
    assert len(made[0].slate) == 10
    assert len({tuple(one.slate.items.tolist()) for one in made}) == 1
    assert not any(one.propensities for one in made)


def test_it_is_off_in_a_list_around_one_work(place):
    assert not explored(place(EXPLORING), session=(), similar_to="i07")


def test_a_record_of_an_explored_list_of_twenty_is_still_about_a_kilobyte(place):
    assert len(json.dumps(record(answer(place(EXPLORING), k=20, seed=2**53 - 1)))) <= 1_400
