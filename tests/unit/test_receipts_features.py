"""Lists with filters, pages, series, labels, rights and campaigns are made again; what cannot be is said."""

import pytest
from sqlalchemy import delete

from recsys.overrides import Boost, Campaign, Exposure, Override, OverrideIndex
from recsys.overrides.campaign import Caps
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.safety.rights import Rights, Term, only
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.receipts.counted import DUE
from serving.receipts.find import find
from serving.receipts.records import hash_of
from serving.receipts.replay import bundle_of, replay
from serving.stores.tables import item_history, rights_history
from support.data import AT
from support.policies import desk, local, signed
from support.receipts import Logged, ids
from support.serve import make_bundle

GERMANY = Rights((Term(only("DE")),), source="onix")
ADULT = Viewer("feed", "FR", 30)


class Place(Logged):
    """A logged stand that can replay."""

    def again(self, answer):
        found = find(self.folder, answer.decision_id)
        return replay(found, self.control, self.folder, bundle_of(self.settings, [self.bundle]))

    def record(self, answer):
        return find(self.folder, answer.decision_id).record

    def label(self, label, item, at=AT, **more):
        event_id = f"l{len(self.control.label_events())}"
        event = LabelEvent(event_id, item, PRESENT, more.pop("source", "human"), label, created=at, **more)
        self.control.add_labels([event], "sam")


@pytest.fixture
def place(tmp_path):
    here = Place(tmp_path)
    here.stand.saw("ann", "i01", "i03")
    yield here
    here.close()


def same(place, answer):
    again = place.again(answer)
    assert (again.identical, again.why) == (True, [])
    assert again.response == encode_list(answer)


# filters, series, pages


def test_a_filter_is_recorded_and_the_list_made_again_under_it(place):
    answer = place.served(user_id="ann", filter="'red' in genres")
    place.control.upsert_items([{"item_id": ids(answer)[0], "title": "Blue now", "genres": ["blue"]}], "app")
    assert place.record(answer)["filter"] == "'red' in genres"
    same(place, answer)


def test_series_are_made_again(tmp_path):
    episodes = {"series": {"i05": "s", "i07": "s"}, "season": {"i05": 1, "i07": 1}, "episode": {"i05": 1, "i07": 2}}
    here = Place(tmp_path, make_bundle(tmp_path / "b", extra=episodes))
    first, every = here.served(k=40), here.served(k=40, series="all")
    assert ("i07" in ids(first), "i07" in ids(every)) == (False, True)
    here.stand.saw("ann", "i05")
    following = here.served(k=40, user_id="ann")
    assert "i07" in ids(following)
    for answer in (first, every, following):
        same(here, answer)
    assert here.record(every)["series"] == "all"
    here.close()


@pytest.mark.parametrize("user", ["ann", None])
def test_every_page_is_made_again_with_its_ranks_and_the_token_of_the_next(place, user):
    first = place.served(user_id=user, k=5)
    second = place.served(user_id=user, k=5, page_token=first.next_page)
    place.control.take_down(ids(first)[2], reason="r", actor="sam")
    place.clock.saw(AT + 7_000)  # the token has long run out
    for answer in (first, second):
        same(place, answer)
    assert place.record(second)["page"] == [5, hash_of(first.next_page)]
    assert [one.rank for one in place.again(second).places] == [6, 7, 8, 9, 10]


# labels and rights


def test_labels_are_those_of_then(place):
    place.label("hate", "i09", source="model")
    answer = place.served(ADULT, k=40)
    assert "i09" not in ids(answer)
    place.label("hate", "i09", negates=True)
    place.label("hate", "i11", source="model")
    same(place, answer)
    same(place, place.served(ADULT, k=40))


def test_a_label_that_has_run_out_since_holds_in_the_replay(place):
    place.label("hate", "i09", expires=AT + 100)
    before = place.served(ADULT, k=40)
    place.clock.saw(AT + 200)
    after = place.served(ADULT, k=40)
    assert ("i09" in ids(before), "i09" in ids(after)) == (False, True)
    for answer in (before, after):
        same(place, answer)


def test_the_versions_that_labels_speak_of_are_those_of_then(place):
    """What a model says of a work is stale once the work was changed, and was not before."""
    place.control.upsert_items([{"item_id": "i09", "title": "Once"}], "app")
    place.label("hate", "i09", source="model")
    before = place.served(ADULT, k=40)
    place.control.upsert_items([{"item_id": "i09", "title": "Twice"}], "app")
    place.label("general", "i09", source="model", at=AT + 1)
    after = place.served(ADULT, k=40)
    assert ("i09" in ids(before), "i09" in ids(after)) == (False, True)
    for answer in (before, after):
        same(place, answer)


def test_what_viewers_were_told_is_in_the_record(place):
    place.label("sponsored", "i09")
    answer = place.served(ADULT, k=40)
    rank = ids(answer).index("i09")
    assert place.record(answer)["notices"] == {str(rank): ["label", ["sponsored"]]}
    place.label("sponsored", "i09", negates=True, at=AT + 1)
    assert "notices" not in place.record(place.served(ADULT, k=40))
    same(place, answer)


def test_rights_are_those_of_then(place):
    place.control.put_rights({"i09": GERMANY}, actor="sam", reason="a document")
    withheld = place.served(ADULT, k=40)
    place.control.put_rights({"i09": Rights((Term(),))}, actor="sam", reason="a newer one")
    granted = place.served(ADULT, k=40)
    assert ("i09" in ids(withheld), "i09" in ids(granted)) == (False, True)
    for answer in (withheld, granted):
        same(place, answer)


@pytest.mark.parametrize(("table", "kind"), [(rights_history, "rights"), (item_history, "upserts")])
def test_what_was_replaced_before_histories_were_kept_is_said(place, table, kind):
    place.control.put_rights({"i09": GERMANY}, actor="sam", reason="a document")
    place.control.upsert_items([{"item_id": "i11", "title": "Else", "territories": ["DE"]}], "app")
    answer = place.served(ADULT, k=40)
    with place.control._db.write("a store of an older version") as write:
        write.execute(delete(table))
    again = place.again(answer)
    assert again.identical is False
    assert f"{kind} as of change 2 were not kept then (1 works" in again.why[-1]


# campaigns


def test_what_counts_of_impressions_decided_is_recorded_and_said_in_the_replay(place):
    def campaign(name, item, **more):
        return Campaign(name, (Boost(item, 1.0),), start=AT - 100, end=AT + 100, **more)

    orders = [campaign("promised", "i35", guarantee=100), campaign("capped", "i33", caps=Caps(total=1))]
    live, engine = place.stand.engine.live, place.stand.engine
    object.__setattr__(live._view, "overrides", OverrideIndex.compile(orders, live._view.ids))
    engine._drafts._exposure = Exposure()
    answer = place.served(ADULT)
    assert "promised" in answer.slate.overrides
    assert place.record(answer)["counted"]["promised"] == DUE
    again = place.again(answer)
    assert again.identical is False
    assert "in no change of the control store up to then: promised" in "; ".join(again.why)
    assert again.beyond[0].startswith("campaign promised: its guarantee was behind its plan")


def test_an_override_between_pages_is_made_again_on_each(place):
    first = place.served(k=5)
    pin = Override("ov", "pin", "i35", slot=7, end=AT + 9e6, created_at=AT, created_by="ed")
    place.control.put_override(pin, "ed")
    second = place.served(k=5, page_token=first.next_page)
    assert ids(second)[1] == "i35"
    for answer in (first, second):
        same(place, answer)
    assert place.again(second).places[1].override["id"] == "ov"


# time


def test_a_list_that_was_out_of_time_is_made_again_as_one(place):
    answer = place.served(user_id="ann", deadline=0.0)
    assert "deadline" in answer.degraded
    same(place, answer)


# policies


def test_a_list_under_a_territorys_own_pack_is_made_again_after_it_was_rolled_back(place):
    pack = local("FR", '[labels.sponsored]\nverdict = "hold"\n')
    place.label("sponsored", "i09")
    desk(place.control).publish(pack, signed(pack), actor="ana", reason="law")
    under = place.served(ADULT, k=40)
    desk(place.control).rollback("FR", actor="ana", reason="over")
    assert "i09" not in ids(under)
    same(place, under)
