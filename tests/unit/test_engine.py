"""What a list may hold, whose history it reads, and what it says when something is missing."""

from dataclasses import replace

import numpy as np

from recsys.clock import fixed_clock
from recsys.errors import StoreError
from recsys.overrides import Override
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.types import Viewer
from serving.asks import Ask
from serving.current import Live
from serving.engine import Engine
from serving.stores.control import Controls
from support.data import AT
from support.serve import make_bundle, records, stand, under

ADULT = Viewer("feed", age=30)


def shown(here, **ask):
    answer = here.engine.recommend([Ask(**{"viewer": ADULT, **ask})])[0]
    return answer.view.ids.external(answer.slate.items)


def override(action, item, **more):
    given = {"slot": None, "factor": None, "surfaces": frozenset(), "territories": frozenset(), "priority": 0, **more}
    return Override(
        id=f"ov-{action}-{item}",
        action=action,
        item_id=item,
        start=AT - 10,
        end=AT + 10,
        created_at=AT,
        created_by="editor",
        reason="test",
        **given,
    )


def test_a_user_gets_more_of_the_colour_of_the_history(here):
    here.saw("new", "i01", "i03", "i05")
    assert all(int(item[1:]) % 2 == 1 for item in shown(here, user_id="new", k=8))


def test_an_anonymous_session_ranks_like_the_history_of_a_user(here):
    here.saw("new", "i01", "i03", "i05")
    assert shown(here, session=("i01", "i03", "i05")) == shown(here, user_id="new")


def test_an_event_counts_in_the_next_request(here):
    before = shown(here, user_id="new", k=5)
    here.saw("new", before[0])
    after = shown(here, user_id="new", k=5)
    assert before[0] not in after


def test_what_was_seen_does_not_come_back(here):
    here.saw("new", "i01", "i03")
    assert not {"i01", "i03"} & set(shown(here, user_id="new", k=40))


def test_what_was_seen_may_come_back_where_works_return(bundle, tmp_path):
    music = replace(bundle, manifest=bundle.manifest.model_copy(update={"returns": True}))
    here = stand(tmp_path, music)
    here.saw("new", "i01", "i03")
    assert {"i01", "i03"} <= set(shown(here, user_id="new", k=40))


def test_everything_allowed_is_given_when_k_is_larger_than_the_catalogue(here):
    assert sorted(shown(here, k=1000)) == [f"i{i:02}" for i in range(40)]


def test_a_child_is_never_shown_a_work_for_adults(here):
    assert all(int(item[1:]) % 4 for item in shown(here, viewer=Viewer("feed", age=12), k=40))


def test_hidden_and_not_interesting_works_stay_away(here):
    here.control.put_controls("u", Controls(True, frozenset({"i01"}), frozenset({"i03"})))
    assert not {"i01", "i03"} & set(shown(here, user_id="u", k=40))


def test_two_users_who_opted_out_get_the_same_list(here):
    here.saw("a", "i01", "i03", "i05")
    here.saw("b", "i00", "i02", "i04")
    for user in ("a", "b"):
        here.control.put_controls(user, Controls(personalised=False))
    assert shown(here, user_id="a") == shown(here, user_id="b")


def test_opting_out_still_honours_what_the_user_hid(here):
    here.control.put_controls("u", Controls(False, frozenset({"i01"})))
    assert "i01" not in shown(here, user_id="u", k=40)


def test_an_impersonal_request_reads_no_history_at_all(bundle, tmp_path):
    here = stand(tmp_path, bundle)

    class Forbidden:
        def history(self, user_id, limit=None):
            raise AssertionError("the history was read")

        profile = seen = history

    engine = Engine(here.engine.live, here.control, Forbidden(), fixed_clock(AT))
    answer = engine.recommend([Ask(replace(ADULT, personalised=False), user_id="u", session=("i01",))])[0]
    assert not answer.personalised
    assert len(answer.slate) == 10


def test_a_takedown_counts_on_the_next_request(here):
    item = shown(here, k=1)[0]
    here.control.take_down(item, reason="test", actor="officer")
    assert item not in shown(here, k=40)


def test_a_takedown_of_another_process_counts_on_the_next_request(here, tmp_path):
    from serving.stores.control import ControlStore

    item = shown(here, k=1)[0]
    ControlStore.open(tmp_path / "control.db", fixed_clock(AT)).take_down(item, reason="test", actor="officer")
    assert item not in shown(here, k=40)


def test_a_pin_stands_in_its_slot_and_names_its_override(here):
    here.control.put_override(override("pin", "i07", slot=2), "editor")
    answer = here.engine.recommend([Ask(ADULT)])[0]
    assert answer.view.ids[int(answer.slate.items[1])] == "i07"
    assert answer.slate.overrides[1] == "ov-pin-i07"
    assert answer.reasons[1] == "editor"


def test_a_pin_never_shows_what_the_gate_forbids(here):
    here.control.put_override(override("pin", "i04", slot=1), "editor")
    assert "i04" not in shown(here, viewer=Viewer("feed", age=12), k=40)


def test_a_boost_lifts_a_work_that_the_candidates_did_not_reach(bundle, tmp_path, monkeypatch):
    import serving.engine

    monkeypatch.setattr(serving.engine, "SPARE", 0)
    here = stand(tmp_path, bundle)
    session = ("i01", "i03", "i05")
    last = shown(here, session=session, k=37)[-1]
    assert last not in shown(here, session=session, k=20)
    here.control.put_override(override("boost", last, factor=5.0), "editor")
    assert "boost" in here.engine.recommend([Ask(ADULT, 20, session=session)])[0].slate.sources or last in shown(
        here, session=session, k=21
    )


def test_an_exclude_takes_a_work_out_and_ends_when_it_is_revoked(here):
    item = shown(here, k=1)[0]
    made = here.control.put_override(override("exclude", item), "editor")
    assert item not in shown(here, k=40)
    here.control.revoke_override(made.id, "editor", "enough")
    assert item in shown(here, k=40)


def test_no_more_of_one_author_than_the_policy_allows(bundle, tmp_path):
    here = stand(tmp_path, bundle)
    policy = here.engine.live.view().policy
    surfaces = {**policy.surfaces, "feed": policy.surface("feed").model_copy(update={"max_per_creator": 1})}
    view = under(here.engine.live.view(), policy.model_copy(update={"surfaces": surfaces}))
    answer = here.engine.recommend_on(view, [Ask(ADULT, 7)])[0]
    authors = [int(view.ids[int(item)][1:]) % 7 for item in answer.slate.items]
    assert sorted(authors) == list(range(7))


def test_an_upserted_work_is_recommendable_in_the_next_request(here):
    here.control.upsert_items([{**records()[1], "item_id": "fresh", "authors": ["somebody new"]}], "app")
    answer = here.engine.recommend([Ask(ADULT, 20, session=("i03", "i05", "i07"))])[0]
    assert "fresh" in answer.view.ids.external(answer.slate.items)


def test_an_upserted_work_passes_the_same_gate(here):
    here.control.upsert_items([{**records()[1], "item_id": "fresh", "min_age": 18}], "app")
    assert "fresh" in shown(here, k=50)
    assert "fresh" not in shown(here, k=50, viewer=Viewer("feed", age=12))


def test_an_upsert_that_raises_the_age_of_a_known_work_counts_at_once(here):
    assert "i01" in shown(here, k=40, viewer=Viewer("feed", age=12))
    here.control.upsert_items([{**records()[1], "min_age": 16}], "app")
    assert "i01" not in shown(here, k=40, viewer=Viewer("feed", age=12))


def test_upserts_give_every_worker_the_same_ids(here, bundle):
    for name in ("x", "y", "x", "z"):
        here.control.upsert_items([{"item_id": name, "title": name}], "app")
    late = Live(bundle, here.control, fixed_clock(AT))
    assert here.engine.live.view().ids.ids == late.view().ids.ids == (*bundle.catalogue.ids.ids, "x", "y", "z")


def test_similar_leaves_the_work_itself_out(here):
    items = shown(here, similar_to="i05", k=10)
    assert "i05" not in items
    assert all(int(item[1:]) % 2 == 1 for item in items)


def test_similar_to_a_new_work_starts_from_its_neighbours(here):
    here.control.upsert_items([{**records()[1], "item_id": "fresh"}], "app")
    assert all(int(item[1:]) % 2 == 1 for item in shown(here, similar_to="fresh", k=10))


def test_similar_to_an_unknown_work_is_a_list_that_says_so(here):
    answer = here.engine.recommend([Ask(ADULT, similar_to="never heard of")])[0]
    assert len(answer.slate) == 10
    assert "unknown_item" in answer.degraded


def test_an_explanation_names_a_work_of_the_history_that_may_be_shown(here):
    here.saw("new", "i01", "i03", "i05")
    here.control.take_down("i03", reason="test", actor="officer")
    answer = here.engine.recommend([Ask(ADULT, user_id="new", explain=True)])[0]
    named = {name for names in answer.because for name in names}
    assert named
    assert named <= {"i01", "i05"}


def test_every_item_has_a_reason(here):
    here.saw("new", "i01", "i03", "i05")
    assert set(here.engine.recommend([Ask(ADULT, user_id="new", k=3)])[0].reasons) == {"history"}
    assert set(here.engine.recommend([Ask(ADULT, user_id="nobody", k=3)])[0].reasons) == {"popular"}


def test_an_empty_allowed_set_is_an_empty_list_that_says_so(here):
    answer = here.engine.recommend([Ask(Viewer("home"))])[0]
    assert len(answer.slate) == 0
    assert answer.degraded == ("no_cleared_items",)


def test_without_the_state_store_the_list_is_impersonal_and_says_so(here):
    class Down:
        def history(self, user_id, limit=None):
            raise StoreError("down")

        profile = seen = history

    engine = Engine(here.engine.live, here.control, Down(), fixed_clock(AT))
    answer = engine.recommend([Ask(ADULT, user_id="u")])[0]
    assert len(answer.slate) == 10
    assert answer.degraded == ("history_unavailable",)


def test_when_choices_cannot_be_read_everybody_counts_as_opted_out(here, monkeypatch):
    def down(user_id):
        raise StoreError("down")

    here.saw("new", "i01", "i03", "i05")
    monkeypatch.setattr(here.control, "controls", down)
    answer = here.engine.recommend([Ask(ADULT, user_id="new")])[0]
    assert not answer.personalised
    assert answer.degraded == ("controls_unavailable",)


def test_while_the_control_store_is_silent_only_what_a_person_has_cleared_is_shown(here, monkeypatch):
    works = [{**records()[1], "item_id": name, "labels": ["general"]} for name in ("vouched", "cleared")]
    here.control.upsert_items(works, "app")
    here.control.add_labels([LabelEvent("l", "vouched", PRESENT, "human", "general", created=1.0)], "sam")
    monkeypatch.setattr(here.control, "silent_seconds", lambda: 6.0)
    feed, home = here.engine.recommend([Ask(ADULT, 40), Ask(Viewer("home", age=30), 40)])
    assert feed.view.ids.external(feed.slate.items) == ["vouched"]
    assert "safety_stale" in feed.degraded
    assert len(home.slate) == 0


def test_a_batch_gives_the_lists_that_single_requests_give(here):
    here.saw("a", "i01", "i03")
    here.saw("b", "i00", "i02")
    asks = [
        Ask(ADULT, user_id="a"),
        Ask(Viewer("feed", age=12), user_id="b"),
        Ask(ADULT, 3, user_id="b"),
        Ask(ADULT, similar_to="i09"),
    ]
    together = [answer.slate.items.tolist() for answer in here.engine.recommend(asks)]
    alone = [here.engine.recommend([ask])[0].slate.items.tolist() for ask in asks]
    assert together == alone


def test_the_last_check_stands_even_where_the_mask_is_wrong(here, monkeypatch):
    view = here.engine.live.view()
    item = shown(here, k=1)[0]
    here.control.take_down(item, reason="test", actor="officer")
    view = here.engine.live.view()
    everything = np.ones(len(view.ids), bool)
    monkeypatch.setattr(type(view), "allowed", lambda self, viewer, now: everything)
    answer = here.engine.recommend_on(view, [Ask(ADULT, 39)])[0]
    assert len(answer.slate) == 39
    assert item not in view.ids.external(answer.slate.items)


def test_an_override_does_not_make_every_item_be_encoded_again(here):
    before = here.engine.live.view().shown
    here.control.put_override(override("pin", "i07", slot=2), "editor")
    assert here.engine.live.view().shown is before


def test_an_upsert_shows_the_new_title_of_a_known_work_and_leaves_the_others(here):
    before = here.engine.live.view().shown
    here.control.upsert_items([{**records()[1], "title": "Corrected"}], "app")
    after = here.engine.live.view().shown
    assert b"Corrected" in after[1]
    assert after[2] is before[2]


def test_an_upsert_of_a_known_work_never_loosens_what_safety_decides_by(here):
    child = Viewer("feed", age=12)
    here.control.upsert_items([{"item_id": "i00", "title": "Harmless now"}], "app")
    assert "i00" not in shown(here, viewer=child, k=60)


def test_an_upsert_of_the_role_safety_may_loosen(here):
    here.control.upsert_items([{**records()[0], "min_age": 6, "loosens": True}], "officer")
    assert "i00" in shown(here, viewer=Viewer("feed", age=12), k=60)


def test_an_upsert_that_the_bundle_already_holds_is_not_applied_again(here, tmp_path_factory):
    here.control.upsert_items([{**records()[1], "title": "Old correction", "loosens": True}], "officer")
    seq = here.control.items()[0][0]
    held = make_bundle(tmp_path_factory.mktemp("newer") / "b", extra={"upsert_seq": {"i01": seq}})
    live = Live(held, here.control, fixed_clock(AT))
    assert b"Old correction" not in live.view().shown[1]


def test_an_explanation_never_names_what_the_user_hid(here):
    here.saw("new", "i01", "i03", "i05")
    here.control.put_controls("new", Controls(True, frozenset({"i01"}), frozenset({"i03"})))
    answer = here.engine.recommend([Ask(ADULT, user_id="new", explain=True)])[0]
    assert {name for names in answer.because for name in names} == {"i05"}


def test_a_creator_cap_is_refilled_with_works_of_others(bundle, tmp_path, monkeypatch):
    import serving.engine

    monkeypatch.setattr(serving.engine, "SPARE", 0)
    here = stand(tmp_path, bundle)
    policy = here.engine.live.view().policy
    surfaces = {**policy.surfaces, "feed": policy.surface("feed").model_copy(update={"max_per_creator": 1})}
    view = under(here.engine.live.view(), policy.model_copy(update={"surfaces": surfaces}))
    answer = here.engine.recommend_on(view, [Ask(ADULT, 7, session=("i01", "i03"))])[0]
    assert len(answer.slate) == 7


def test_a_pin_beyond_the_list_leaves_the_work_where_it_was(here):
    first = shown(here, k=5)[0]
    here.control.put_override(override("pin", first, slot=20), "editor")
    assert shown(here, k=5)[0] == first


def test_where_no_model_answers_a_list_is_filled_all_the_same(bundle, tmp_path, monkeypatch):
    def dead(*_):
        raise RuntimeError("no memory")

    here = stand(tmp_path, bundle)
    for source in bundle.pipeline.sources:
        monkeypatch.setattr(type(source), "top", dead)
        monkeypatch.setattr(type(source), "score", dead)
    answer = here.engine.recommend([Ask(viewer=ADULT, k=10)])[0]
    assert answer.slate.sources == ("backfill",) * 10
    monkeypatch.undo()
    assert "popular" in here.engine.recommend([Ask(viewer=ADULT, k=10)])[0].slate.sources


def test_a_boost_while_the_first_model_is_dead_still_gives_a_list(bundle, tmp_path, monkeypatch):
    def dead(*_):
        raise OSError("gone")

    here = stand(tmp_path, bundle)
    broken = bundle.pipeline.sources[0]
    monkeypatch.setattr(type(broken), "top", dead)
    monkeypatch.setattr(type(broken), "score", dead)
    for item in ("i00", "i01", "i02"):
        here.control.put_override(override("boost", item, factor=5.0), "editor")
    answer = here.engine.recommend([Ask(ADULT, 5, session=("i03",), explain=True)])[0]
    assert len(answer.slate) == 5
    assert "source_failed:als" in answer.degraded


def test_the_answer_of_last_resort_never_raises(here, monkeypatch):
    def dead():
        raise StoreError("gone")

    monkeypatch.setattr(here.engine.live, "view", dead)
    answer = here.engine.impersonal(Ask(ADULT))
    assert (len(answer.slate), answer.degraded) == (0, ("engine_failed",))
