"""Windows against the obvious reading: look at every clock of the territory and compare."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.safety.rights import WORLD, Rights, Term, decoded, encoded, only
from recsys.safety.rights.places import clocks, countries

CODES = ("DE", "US", "BR", "CN", "EG", "WS", "KI", "GB")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
wall = st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2028-01-01"))
when = st.one_of(
    wall.map(lambda at: at.replace(microsecond=0)),
    wall.map(lambda at: at.date()),
    wall.map(lambda at: at.replace(tzinfo=UTC).timestamp()),
    st.none(),
)
places = st.sampled_from([WORLD, only("DE"), only("US", "BR"), only("DE", "CN").outside(), only("KI")])


@st.composite
def terms(draw, use=""):
    opens, closes = draw(when), draw(when)
    given = {name: value for name, value in (("opens", opens), ("closes", closes)) if value is not None}
    return Term(draw(places), use=use, **given)


rights = st.builds(
    lambda grants, bars: Rights(tuple(grants), tuple(bars)),
    st.lists(terms(), max_size=4),
    st.lists(terms(use="window"), max_size=2),
)
instants = st.integers(0, 2 * 365 * 24 * 60).map(lambda minutes: BEGIN + timedelta(minutes=minutes))


def come(when, at, clock):
    """Whether a time has come by one clock; None where the clock reads that time twice or never around then."""
    if isinstance(when, float):
        return at.timestamp() >= when
    reading = when if isinstance(when, datetime) else datetime.fromisoformat(when.isoformat())
    there = {reading.replace(tzinfo=clock, fold=fold).utcoffset() for fold in (0, 1)}
    return None if len(there) > 1 else at.astimezone(clock).replace(tzinfo=None) >= reading


def inside(term, at, clock):
    """Whether a moment lies in a term by one clock."""
    opened, closed = come(term.opens, at, clock), come(term.closes, at, clock)
    return None if opened is None or closed is None else opened and not closed


@settings(max_examples=200)
@given(rights, st.sampled_from(CODES), instants)
def test_a_work_is_shown_where_every_clock_grants_it_and_none_bars_it(found, territory, at):
    zones = clocks(territory)
    grants = [[inside(term, at, zone) for zone in zones] for term in found.grants if territory in term.where]
    bars = [[inside(term, at, zone) for zone in zones] for term in found.bars if territory in term.where]
    if any(None in readings for readings in grants + bars):
        return
    shown = any(opens <= at.timestamp() < closes for opens, closes in found.windows(territory))
    if shown:
        assert any(all(readings) for readings in grants)
        assert not any(any(readings) for readings in bars)
    elif any(all(readings) for readings in grants):
        # A bar lasts from the first clock's start to the last one's end, also between the two.
        assert any(any(readings) for readings in bars) or len(zones) > 1


@settings(max_examples=100)
@given(rights)
def test_an_unknown_territory_is_shown_no_more_than_any_other(found):
    for opens, closes in found.windows(None):
        for territory in (*CODES, *list(countries())[:20], "ZZ"):
            assert any(start <= opens and closes <= end for start, end in found.windows(territory))


@settings(max_examples=100)
@given(rights, st.sampled_from([*CODES, None]))
def test_windows_are_sorted_and_apart_and_survive_json(found, territory):
    windows = found.windows(territory)
    assert all(opens < closes for opens, closes in windows)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(windows))
    assert decoded(encoded(found)).windows(territory) == windows


def test_every_territory_has_a_clock():
    assert [territory for territory in countries() if not clocks(territory)] == []
