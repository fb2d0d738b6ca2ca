"""S27: no profile-based promotion to known minors."""

from dataclasses import replace

import pytest

from recsys.overrides import Boost, Fill, OverrideIndex, Person, Pin, parse_audience
from recsys.types import Viewer
from serving.asks import Ask
from support.campaigns import IDS, campaign
from support.data import AT
from support.evidence import proves
from support.serve import make_bundle, stand

READERS = parse_audience('profile.group == "readers"')


def _profiles_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Person, "profile_counts", property(lambda self: True))


@proves("S27", mutation="the profile of minors counts", by=_profiles_count)
def test_s27_no_action_for_an_audience_of_the_profile_reaches_a_minor() -> None:
    order = campaign("c", Pin("i1", 1), Fill(2, ("i2",)), Boost("i3", 5.0), audience=READERS)
    index = OverrideIndex.compile([order], IDS)
    reader = Person("u", {"group": "readers"})
    assert index.live(Viewer("feed", age=30), 0.0, reader).resolved.claims
    found = index.live(Viewer("feed", age=15), 0.0, replace(reader, minor=True)).resolved
    assert (found.claims, len(found.factored)) == ((), 0)


@proves("S27", mutation="the profile of minors counts", by=_profiles_count)
def test_s27_in_a_request_the_age_decides_who_is_a_minor(tmp_path) -> None:
    here = stand(tmp_path, make_bundle(tmp_path / "b"))
    order = campaign("c", Pin("i07", 1), audience=READERS, end=AT + 10)
    view = replace(here.engine.live.view(), overrides=OverrideIndex.compile([order], here.bundle.catalogue.ids))
    asks = [Ask(Viewer("feed", age=age), profile={"group": "readers"}) for age in (30, 17)]
    assert [answer.slate.overrides[0] for answer in here.engine.recommend_on(view, asks)] == ["c", None]
