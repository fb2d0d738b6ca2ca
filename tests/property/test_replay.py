"""Whatever is changed between two lists, each of them is made again as it was."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.errors import ConfigError, DataError
from recsys.overrides import Budget, Override, Traffic
from recsys.safety.labels import PRESENT, LabelEvent
from recsys.safety.rights import Rights, Term, only
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.asks import AskError
from serving.receipts.find import find
from serving.receipts.replay import replay
from serving.stores.control import Controls
from serving.upserts import LOOSENS, tightened
from support.data import AT
from support.receipts import Logged

ITEM = st.integers(0, 44).map(lambda n: f"i{n:02}")  # five of them are in no catalogue until they are upserted
USER = st.sampled_from(["ann", "bob"])
SURFACE = st.sampled_from(["feed", "search", "home", "minor"])
FILTER = st.sampled_from([None, "'red' in genres", "!('blue' in genres) || title == 'Blue 7'"])
LABEL = st.sampled_from(["general", "hate", "sponsored", "error"])
OVERRIDE = st.tuples(st.just("override"), st.sampled_from(["pin", "boost", "bury", "exclude"]), ITEM, st.integers(1, 5))
STEP = st.one_of(
    st.tuples(st.just("list"), USER, SURFACE, st.sampled_from([None, 12, 30]), FILTER),
    st.tuples(st.just("page")),
    st.tuples(st.just("label"), ITEM, LABEL, st.booleans(), st.sampled_from([None, 500.0])),
    st.tuples(st.just("rights"), ITEM, st.sampled_from(["DE", "FR"])),
    OVERRIDE,
    st.tuples(st.just("revoke"), st.integers(0, 3)),
    st.tuples(st.just("takedown"), ITEM, st.sampled_from([None, "DE", "FR"])),
    st.tuples(st.just("restore"), st.integers(0, 3)),
    st.tuples(st.just("item"), ITEM, st.sampled_from([None, 12, 18]), st.booleans()),
    st.tuples(st.just("controls"), USER, st.booleans(), st.sets(ITEM, max_size=3)),
    st.tuples(st.just("event"), USER, ITEM),
    st.tuples(st.just("clock"), st.integers(1, 100_000)),
    st.tuples(st.just("budget"), st.lists(ITEM, max_size=4, unique=True), st.sampled_from([(), ("feed", "home")])),
    st.tuples(st.just("traffic"), st.integers(0, 23)),
)


class Day:
    """A logged stand to which steps happen."""

    def __init__(self, folder):
        self.here = Logged(folder)
        self.made, self.down, self.lists = [], [], []

    def list(self, user, surface, age, condition=None):
        self.lists.append(self.here.served(Viewer(surface, "DE", age), user_id=user, explain=True, filter=condition))

    def page(self):
        for before in self.lists[-1:]:
            try:
                self.lists.append(self.here.served(**self.again(before), page_token=before.next_page))
            except AskError:
                return  # too old by now

    @staticmethod
    def again(answer):
        ask = answer.ask
        return {"viewer": ask.viewer, "user_id": ask.user_id, "explain": True, "filter": ask.filter}

    def label(self, item, label, negates, lasts):
        now, known = self.here.clock(), len(self.here.control.label_events())
        expires = None if lasts is None else now + lasts
        said = LabelEvent(f"l{known}", item, PRESENT, "human", label, created=now, negates=negates, expires=expires)
        try:
            self.here.control.add_labels([said], "sam")
        except DataError:
            return  # nobody negates an error

    def rights(self, item, territory):
        self.here.control.put_rights({item: Rights((Term(only(territory)),))}, actor="sam", reason="r")

    def override(self, action, item, number):
        name = f"ov_{len(self.made)}"
        more = {"pin": {"slot": number}, "boost": {"factor": float(number)}, "bury": {"factor": 1 / number}}
        given = {"end": self.here.clock() + 50_000, "created_at": AT, "created_by": "ed", **more.get(action, {})}
        try:
            self.here.control.put_override(Override(id=name, action=action, item_id=item, **given), "ed")
        except ConfigError:
            return  # a boost by 1 is none
        self.made.append(name)

    def revoke(self, number):
        for name in self.made[number : number + 1]:
            self.here.control.revoke_override(name, "ed", "over")

    def takedown(self, item, territory):
        self.down.append(self.here.control.take_down(item, reason="r", actor="sam", territory=territory).id)

    def restore(self, number):
        for name in self.down[number : number + 1]:
            try:
                self.here.control.request_restore(name, "sam", "lifted")
                self.here.control.approve_restore(name, "alex")
            except ConfigError:
                return  # lifted before

    def item(self, item, age, loosens):
        record = {"item_id": item, "title": f"At {self.here.clock()}", "genres": ["red"], "min_age": age}
        view = self.here.stand.engine.live.view()
        asked = [{**record, LOOSENS: True}] if loosens else tightened(view.gate, view.ids, view.record, [record])
        self.here.control.upsert_items(asked, "platform")

    def controls(self, user, personalised, hidden):
        self.here.control.put_controls(user, Controls(personalised, frozenset(hidden)))

    def event(self, user, item):
        self.here.stand.saw(user, item)

    def budget(self, items, surfaces):
        now = self.here.clock()
        made = Budget("cold_start.x", tuple(items), now - 9_000, now + 50_000, "UTC", 500, 0.3, surfaces)
        self.here.control.put_cold_start(made if items else None)

    def traffic(self, hour):
        self.here.control.put_traffic(Traffic(tuple(float(one == hour) for one in range(24)), "UTC"))

    def clock(self, seconds):
        self.here.clock.saw(self.here.clock() + seconds)


@settings(max_examples=30)
@given(st.lists(STEP, min_size=3, max_size=14))
def test_every_list_is_made_again_byte_for_byte(steps):
    folder = Path(tempfile.mkdtemp())
    try:
        day = Day(folder)
        for name, *values in [*steps, ("list", "ann", "feed", 30)]:
            getattr(day, name)(*values)
        for answer in day.lists:
            found = find(day.here.folder, answer.decision_id)
            again = replay(found, day.here.control, day.here.folder, lambda version: day.here.bundle)
            assert (again.identical, again.why) == (True, [])
            assert again.response == encode_list(answer)
        day.here.close()
    finally:
        shutil.rmtree(folder)
