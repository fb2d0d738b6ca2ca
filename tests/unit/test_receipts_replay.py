"""A decision is made again, byte for byte, whatever was changed since; and where it cannot be, replay says why."""

import re
import shutil
from dataclasses import replace

import pytest

from recsys.overrides import Override
from recsys.rerank import Rerank
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.asks import Ask
from serving.building import build
from serving.live import Follower
from serving.policies import Desk
from serving.receipts.find import find
from serving.receipts.keeping import forget_user
from serving.receipts.replay import bundle_of, replay
from serving.settings import Settings
from serving.stores.control import Controls
from serving.stores.state import Event
from serving.upserts import LOOSENS, tightened
from support.data import AT
from support.policies import text
from support.receipts import Logged, ids
from support.serve import make_bundle


class Place(Logged):
    """A logged stand that can replay."""

    def again(self, answer, known=True):
        found = find(self.folder, answer.decision_id)
        return replay(found, self.control, self.folder, bundle_of(self.settings, [self.bundle] if known else []))


@pytest.fixture
def place(tmp_path):
    here = Place(tmp_path)
    here.stand.saw("ann", "i01", "i03")
    yield here
    here.close()


def override(name, action, item, **more):
    return Override(
        **{"id": name, "action": action, "item_id": item, "end": AT + 9e6, "created_at": AT, "created_by": "ed", **more}
    )


def change_everything(here):
    """Every kind of change that a later request would see."""
    here.control.put_override(override("ov_pin", "pin", "i35", slot=1), "ed")
    here.control.revoke_override("ov_boost", "ed", "over")
    here.control.take_down("i05", reason="court", actor="sam")
    here.control.upsert_items([{"item_id": "new2", "title": "Later", "genres": ["red"]}], "platform")
    here.control.upsert_items([{"item_id": "new1", "title": "Renamed", "genres": ["blue"]}], "platform")
    here.control.put_controls("ann", Controls(hidden=frozenset({"i07"})))
    here.stand.saw("ann", "i09", "i11")
    here.clock.saw(AT + 86_400)


def test_a_list_is_made_again_byte_for_byte_after_everything_has_changed(place):
    place.control.upsert_items([{"item_id": "new1", "title": "First", "genres": ["red"]}], "platform")
    place.control.put_override(override("ov_boost", "boost", "i17", factor=5.0), "ed")
    place.control.put_override(override("ov_first", "pin", "i33", slot=2), "ed")
    answer = place.served(user_id="ann", explain=True, k=12, session=("i13",))
    assert {"ov_boost", "ov_first"} <= set(answer.slate.overrides)
    sent = encode_list(answer)
    change_everything(place)
    assert encode_list(place.served(user_id="ann", explain=True, k=12, session=("i13",))) != sent
    again = place.again(answer)
    assert (again.identical, again.why) == (True, [])
    assert again.response == sent


def test_what_was_explored_is_made_again_from_its_seed(tmp_path):
    exploring = Rerank(exploration={"epsilon": 1.0, "slots": 5, "temperature": 100.0})
    here = Place(tmp_path, make_bundle(tmp_path / "b", rerank=exploring))
    answer = here.served(user_id="ann", seed=7)
    assert answer.propensities
    assert here.again(answer).identical
    here.close()


def test_a_list_that_was_made_without_word_of_the_store_is_made_again(place, monkeypatch):
    monkeypatch.setattr(type(place.control), "silent_seconds", lambda self: 6.0)
    answer = place.served(user_id="ann")
    monkeypatch.undo()
    assert answer.degraded == ("controls_unavailable", "safety_stale", "no_cleared_items")
    assert place.again(answer).identical


def test_a_list_under_a_stale_policy_is_made_again(place, monkeypatch):
    place.control.upsert_items([{"item_id": "i01", "title": "One", "labels": ["general"]}], "platform")
    monkeypatch.setattr(type(place.control), "silent_seconds", lambda self: 121.0)
    answer = place.served(user_id="ann", viewer=Viewer("feed", "DE", 30))
    monkeypatch.undo()
    assert {"safety_stale", "policy_stale"} <= set(answer.degraded)
    assert place.again(answer).identical


def test_a_canary_is_made_again_under_both_policies(place):
    def try_out(pack):
        desk = Desk(Settings(policy_unsigned=True), place.control, place.clock, None)
        desk.try_out(pack, "", share=1.0, actor="sam", reason="new")

    before = place.served(k=12)
    try_out(
        text('\n[labels.red]\nverdict = "block"\n[[rules]]\nfield = "genres"\nany_of = ["red"]\nlabels = ["red"]\n')
    )
    answer = place.served(k=12)
    assert answer.view.policy_id.count("+") == 2
    assert ids(answer) != ids(before)
    place.control.stop_policy_trial("sam", "done")
    again = place.again(answer)
    assert (again.identical, again.why) == (True, [])
    assert again.response == encode_list(answer)


@pytest.mark.parametrize(
    "ask",
    [
        {"similar_to": "i05", "explain": True},
        {"session": ("i09", "i11")},
        {"profile": {"plan": "free"}, "context": {"hour": "9"}, "exclude": ("i02",)},
        {"viewer": Viewer("feed", None, 12, personalised=False), "user_id": "ann"},
        {"viewer": Viewer("home", "DE", 30)},
    ],
    ids=["similar", "session", "profile", "opted out", "nothing cleared"],
)
def test_every_kind_of_list_is_made_again(place, ask):
    answer = place.served(**ask)
    again = place.again(answer)
    assert (again.identical, again.why) == (True, [])
    assert again.response == encode_list(answer)


def test_a_list_of_last_resort_is_made_again(place):
    answer = place.stand.engine.impersonal(Ask(Viewer("feed", "DE", 30), 5, user_id="ann"))
    place.write([answer])
    assert "personalisation_failed" in answer.degraded
    assert place.again(answer).identical


def test_each_place_tells_source_score_override_and_verdict(place):
    place.control.put_override(override("ov_first", "pin", "i33", slot=1, reason="premiere"), "ed")
    first, second = place.again(place.served(user_id="ann", k=2)).places
    assert (first.item_id, first.source, first.override["action"], first.override["reason"]) == (
        *("i33", "pin", "pin", "premiere"),
    )
    assert (second.source, second.override, second.verdict, second.reason) == ("als", None, "allow", "history")
    assert second.labels == []
    assert second.score > 0


def test_of_an_erased_user_replay_says_so_and_keeps_what_was_shown(place):
    answer = place.served(user_id="ann")
    forget_user(place.folder, place.control.pseudonym("ann"), AT)
    again = place.again(answer)
    assert again.identical is None
    assert again.why[0].startswith("the history of this user has been erased")
    assert [at.item_id for at in again.places] == answer.view.ids.external(answer.slate.items)
    assert {at.verdict for at in again.places} == {"allow"}


def test_without_its_bundle_a_decision_cannot_be_made_again(place):
    again = place.again(place.served(user_id="ann"), known=False)
    assert again.identical is None
    assert "is gone" in again.why[0]


def test_a_bundle_is_found_by_version_whatever_its_folder_is_called(place):
    shutil.copytree(place.bundle.path, place.settings.var / "bundles" / "any")
    assert place.again(place.served(user_id="ann"), known=False).identical


def test_a_list_that_differs_is_told_with_its_first_rank(place):
    found = find(place.folder, place.served(user_id="ann").decision_id)
    other = {**found.record, "items": [*found.record["items"][:3], "i99", *found.record["items"][4:]]}
    again = replay(replace(found, record=other), place.control, place.folder, bundle_of(place.settings, [place.bundle]))
    assert again.identical is False
    assert again.why[0].startswith("from rank 4 on the list is another one: i99 was there")


def test_a_policy_that_was_altered_since_is_not_used(place):
    answer = place.served(user_id="ann")
    (file,) = (place.folder / "policies").iterdir()
    file.write_text(re.sub(r'"version":"[^"]+"', '"version":"0"', file.read_text()))
    assert "has been altered" in place.again(answer).why[0]


def test_an_unknown_decision_is_not_found(place):
    assert find(place.folder, "0" * 32) is None


def test_a_worker_that_starts_anew_has_the_item_of_one_that_followed_along(place):
    """i04 is for adults in the catalogue; the board says 6, and then a platform renames it."""
    live = place.stand.engine.live
    place.control.upsert_items([{"item_id": "i04", "title": "Rated anew", "min_age": 6, LOOSENS: True}], "board")
    view = live.view()
    renamed = tightened(view.gate, view.ids, view.record, [{"item_id": "i04", "title": "Renamed", "genres": ["red"]}])
    place.control.upsert_items(renamed, "platform")
    anew = build(place.bundle, place.control, place.clock, "open")
    index = anew.ids.get("i04")
    assert live.view().gate.min_age(index) == anew.gate.min_age(index) == 6
    answer = place.served(Viewer("feed", "DE", 12), k=40)
    assert "i04" in ids(answer)
    assert place.again(answer).identical


def test_a_view_holds_no_more_than_its_sequence_says(place, monkeypatch):
    """A second takedown is committed while the first one is being applied."""
    late, read = ["i07"], type(place.control).takedowns

    def takedowns(store):
        if late:
            store.take_down(late.pop(), reason="r", actor="sam")
        return read(store)

    place.control.take_down("i05", reason="r", actor="sam")
    monkeypatch.setattr(type(place.control), "takedowns", takedowns)
    assert place.stand.engine.live.view().sequence == 2


def test_a_list_by_live_counts_is_told_from_one_by_the_bundles_own(tmp_path):
    recipes = [{"recipe": "session", "weights": [1.0] * 14}, {"recipe": "popular", "half_life_days": 30.0}]
    here = Place(tmp_path, make_bundle(tmp_path / "b", recipes=recipes, at=AT - 100))
    here.stand.engine._follower = Follower(here.stand.state, 0.0)
    before = here.served(k=5)
    calm = next(name for name in here.bundle.catalogue.ids.ids if name not in ids(before))
    here.stand.state.append([Event(f"e{n}", f"p{n}", calm, timestamp=AT - 1) for n in range(30)])
    after = here.served(k=5)
    assert (here.again(before).identical, here.again(before).beyond) == (True, [])
    again = here.again(after)
    assert (again.identical, ids(after)[0]) == (False, calm)
    assert again.beyond == ["live counts up to the event 30; the replay ranks by the bundle's own"]
    here.close()
