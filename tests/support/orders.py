"""Strategies: campaigns of every action and limit, who looks, and what was shown before."""

from collections.abc import Sequence

from hypothesis import strategies as st

from recsys.overrides import (
    Boost,
    Bury,
    Campaign,
    Caps,
    Exclude,
    Exposure,
    Fill,
    Hours,
    Impression,
    Person,
    Pin,
    Present,
    Row,
    Sponsor,
)
from support.campaigns import Field

IDS = [f"c{n}" for n in range(12)]
VALUES = st.sampled_from(["a", "b"])
EPOCH_DAY = 719_163  # 1970-01-01 as a local date
PAID = Sponsor("A publisher", "Ad", ("territory",))
AUDIENCES = st.none() | st.builds(Field, st.sampled_from(["profile.group", "context.page"]), VALUES)


def actions(names: Sequence[str]) -> st.SearchStrategy[object]:
    """One action on some of the items."""
    item, slot = st.sampled_from(names), st.integers(1, 6)
    pool = st.lists(item, min_size=1, max_size=4, unique=True).map(tuple)
    return st.one_of(
        st.builds(Pin, item, slot),
        st.builds(Boost, item, st.sampled_from([1.0, 2.0, 5.0, 50.0])),
        st.builds(Bury, item, st.sampled_from([0.01, 0.5])),
        st.builds(Exclude, item),
        st.builds(Fill, slot, pool, st.integers(1, 3)),
        st.builds(Row, slot, st.just("A row"), pool, st.integers(1, 4)),
        st.builds(Present, item, st.just("Another title")),
    )


@st.composite
def campaigns(draw: st.DrawFn, names: Sequence[str]) -> Campaign:
    """A campaign that may hold for a few seconds around zero."""
    start = float(draw(st.integers(-2, 5)))
    given = tuple(draw(st.lists(actions(names), min_size=1, max_size=3)))
    boosts = any(isinstance(action, Boost) for action in given)
    promotes = any(not isinstance(action, Bury | Exclude | Present) for action in given)
    return Campaign(
        draw(st.sampled_from(IDS)),
        given,
        surfaces=draw(st.sampled_from([frozenset(), frozenset({"feed"}), frozenset({"home"})])),
        territories=draw(st.sampled_from([frozenset(), frozenset({"DE"})])),
        audience=draw(AUDIENCES),
        start=start,
        end=start + 4.0,
        zone=draw(st.sampled_from(["UTC", "Asia/Shanghai"])),
        hours=draw(st.sampled_from([None, None, Hours(opens=0, closes=720)])),
        priority=draw(st.integers(0, 1)),
        caps=draw(st.builds(Caps, *[st.sampled_from([None, None, 1, 2])] * 3)),
        guarantee=draw(st.none() | st.just(1)) if boosts else None,
        share=draw(st.sampled_from([None, None, 0.2, 0.5])),
        objective=draw(st.sampled_from(["editorial", "session_length"])),
        sponsor=draw(st.sampled_from([None, PAID])) if promotes else None,
        approved_at=float(draw(st.integers(0, 2))),
    )


def people() -> st.SearchStrategy[Person]:
    """Who looks."""
    return st.builds(
        Person,
        user=st.sampled_from([None, "u", "v"]),
        profile=st.dictionaries(st.just("group"), VALUES),
        context=st.dictionaries(st.just("page"), VALUES),
        minor=st.booleans(),
        personalised=st.booleans(),
    )


@st.composite
def exposures(draw: st.DrawFn) -> Exposure:
    """What was shown before."""
    counts = Exposure()
    shown = st.builds(Impression, st.sampled_from(IDS), st.just(EPOCH_DAY), st.integers(1, 6))
    for user in (None, "u"):
        counts.record(user, draw(st.lists(shown, max_size=4)))
    return counts
