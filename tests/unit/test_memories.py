"""A user is read again only after a change, and nothing of a user stays in memory for long."""

import numpy as np
import pytest

from recsys.types import Viewer
from serving import memories
from serving.asks import Ask
from serving.memories import NOBODY, Memories
from serving.stores.state import Event
from support.data import AT


def known(here, memory, user="u"):
    return memory.of(here.engine.live.view(), user)


def test_a_user_is_read_once_as_long_as_nothing_changes(here):
    memory = Memories(here.state, 200)
    here.saw("u", "i01", "i02")
    first = known(here, memory)
    here.saw("v", "i03")
    assert known(here, memory) is first
    assert first.memory.history.items == ["i01", "i02"]
    assert here.engine.live.view().ids.external(first.items) == ["i01", "i02"]


@pytest.mark.parametrize(
    ("change", "history"),
    [
        (lambda state: state.append([Event("new", "u", "i05", timestamp=AT)]), ["i01", "i05"]),
        (lambda state: state.append([Event("new", "u", "i05", timestamp=AT)], pending=False), ["i01", "i05"]),
        (lambda state: state.erase("u"), []),
    ],
)
def test_every_change_of_a_user_counts_at_once(here, change, history):
    memory = Memories(here.state, 200)
    here.saw("u", "i01")
    assert known(here, memory).memory.history.items == ["i01"]
    change(here.state)
    assert known(here, memory).memory.history.items == history


def test_a_profile_counts_at_once(here):
    memory = Memories(here.state, 200)
    here.saw("u", "i01")
    assert known(here, memory).memory.profile == {}
    here.state.put_profiles({"u": {"country": "DE"}})
    assert known(here, memory).memory.profile == {"country": "DE"}


def test_an_erased_user_who_comes_back_has_only_what_came_after(here):
    memory = Memories(here.state, 200)
    here.saw("u", "i01")
    known(here, memory)
    here.state.erase("u")
    here.saw("u", "i02")
    assert known(here, memory).memory.history.items == ["i02"]


def test_what_was_kept_is_dropped_when_its_time_is_up(here, monkeypatch):
    memory = Memories(here.state, 200)
    here.saw("u", "i01")
    first = known(here, memory)
    memory.forget()
    assert known(here, memory) is first
    monkeypatch.setattr(memories, "SECONDS", 0.0)
    memory.forget()
    assert known(here, memory) is not first


def test_who_has_had_much_is_read_each_time(here, monkeypatch):
    monkeypatch.setattr(memories, "MOST_SEEN", 1)
    memory = Memories(here.state, 200)
    here.saw("u", "i01", "i02")
    assert known(here, memory) is not known(here, memory)


def test_another_view_of_the_items_is_read_anew(here):
    memory = Memories(here.state, 200)
    here.saw("u", "i01", "fresh")
    assert known(here, memory).had[1] is None
    here.control.upsert_items([{"item_id": "fresh"}], "test")
    assert known(here, memory).had[1] == len(here.bundle.catalogue)


def test_a_user_of_whom_nothing_is_stored_is_nobody(here):
    assert known(here, Memories(here.state, 200), "stranger") is NOBODY


def test_a_list_is_the_same_from_memory_and_from_the_store(here):
    here.saw("u", "i01", "i02")
    ask = Ask(Viewer("feed", age=30), 5, user_id="u")
    first, second = here.engine.recommend([ask])[0], here.engine.recommend([ask])[0]
    assert np.array_equal(first.slate.items, second.slate.items)
    assert first.slate.scores.tobytes() == second.slate.scores.tobytes()
    here.state.append([Event("third", "u", str(here.bundle.catalogue.ids[int(first.slate.items[0])]), timestamp=AT)])
    third = here.engine.recommend([ask])[0]
    assert int(first.slate.items[0]) not in third.slate.items
