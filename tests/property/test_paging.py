"""Whatever is changed between pages: nothing comes twice, what stays allowed comes once, what is not never does."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.overrides import Override
from recsys.types import Viewer
from serving.asks import Ask
from support.data import AT
from support.serve import N_ITEMS, make_bundle, stand

ITEMS = [f"i{at:02}" for at in range(N_ITEMS)]
RED = ITEMS[::2]
numbers = count()

items = st.sampled_from(ITEMS)
changes = st.one_of(
    st.tuples(st.just("pin"), items, st.integers(1, 30)),
    st.tuples(st.just("boost"), items, st.sampled_from([0.5, 2.0, 5.0])),
    st.tuples(st.just("exclude"), items, st.none()),
    st.tuples(st.just("saw"), items, st.none()),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    return stand(folder, make_bundle(folder / "b"))


def change(here, user, action, item, how):
    """Make a change, and say how to take it back."""
    if action == "saw":
        here.saw(user, item)
        return None
    order = Override(
        id=f"ov-{next(numbers)}",
        action="bury" if how == 0.5 else action,
        item_id=item,
        slot=how if action == "pin" else None,
        factor=how if action == "boost" else None,
        start=AT - 10,
        end=AT + 10,
        surfaces=frozenset(),
        territories=frozenset(),
        priority=0,
        created_at=AT,
        created_by="editor",
        reason="test",
    )
    return here.control.put_override(order, "editor").id


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 15), min_size=1, max_size=4),
    between=st.lists(st.lists(changes, max_size=3), max_size=8),
    red=st.booleans(),
    age=st.sampled_from([12, 30]),
)
def test_pages_of_a_list_that_changes_repeat_nothing_and_lose_nothing(here, sizes, between, red, age):
    user, made, token, shown, gone = f"u{next(numbers)}", [], None, [], set()
    steps, k = iter(between), iter(sizes * 40)
    try:
        while True:
            ask = Ask(
                Viewer("feed", age=age), next(k), user, page_token=token, filter="'red' in genres" if red else None
            )
            answer = here.engine.recommend([ask])[0]
            assert answer.offset == len(shown)
            assert not gone & set(answer.view.ids.external(answer.slate.items))
            shown += answer.view.ids.external(answer.slate.items)
            token = answer.next_page
            if token is None:
                break
            step = next(steps, [])
            gone |= {item for action, item, _ in step if action in ("exclude", "saw")}
            made += [change(here, user, *one) for one in step]
    finally:
        for order in made:
            if order is not None:
                here.control.revoke_override(order, "editor", "over")
    allowed = {item for item in (RED if red else ITEMS) if age >= 18 or int(item[1:]) % 4}
    assert len(shown) == len(set(shown))
    assert allowed - gone <= set(shown) <= allowed
