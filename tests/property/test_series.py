"""Which episode comes next, against the rule written out item by item."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.series import Fields, Series

records = st.fixed_dictionaries(
    {},
    optional={
        "series": st.sampled_from(["a", "b", "c", None]),
        "season": st.sampled_from([None, 1, 2, "2"]),
        "episode": st.sampled_from([None, 1, 2, 3, "3", 2.0]),
    },
)
works = st.lists(records, max_size=12)


def place(record):
    """(series, (season, episode)) of an episode, None of anything else."""
    if record.get("series") is None or record.get("episode") is None:
        return None
    season = record.get("season")
    return record["series"], (-1.0 if season is None else float(season), float(record["episode"]))


def eligible(records, seen):
    """By the rule: of a series begun the first step after the furthest seen, of others the very first."""
    out = []
    for at, record in enumerate(records):
        if place(record) is None:
            out.append(at)
            continue
        series, step = place(record)
        episodes = [one for one in map(place, records) if one is not None and one[0] == series]
        had = [place(records[s])[1] for s in seen if place(records[s]) is not None and place(records[s])[0] == series]
        later = [one[1] for one in episodes if not had or one[1] > max(had)]
        if later and step == min(later):
            out.append(at)
    return out


def kept(series, size, seen):
    mask = series.opening.copy()
    episodes, following = series.after(np.array(sorted(seen), np.int32))
    mask[episodes] = False
    mask[following] = True
    assert len(mask) == size
    return np.flatnonzero(mask).tolist()


@given(records=works, data=st.data())
def test_only_the_episode_after_the_furthest_is_eligible(records, data):
    seen = data.draw(st.sets(st.sampled_from(range(len(records))))) if records else set()
    series = Series.build(Fields.read(records, {}))
    assert kept(series, len(records), seen) == eligible(records, seen)


@given(before=works, added=works, data=st.data())
def test_series_patched_are_those_of_the_items_as_they_are_now(before, added, data):
    changed = data.draw(st.dictionaries(st.sampled_from(range(len(before))), records, max_size=3)) if before else {}
    now = [changed.get(at, record) for at, record in enumerate(before)] + added
    seen = data.draw(st.sets(st.sampled_from(range(len(now))))) if now else set()
    series = Series.build(Fields.read(before, {})).patched(changed, added)
    assert kept(series, len(now), seen) == eligible(now, seen)
