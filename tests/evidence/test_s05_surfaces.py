"""S05: home, hot, selected, chart and pop-up are named surfaces with a stricter policy."""

import numpy as np
import pytest

from recsys.dataset.catalogue import Catalogue
from recsys.safety import Gate, Policy, load_policy
from recsys.types import Viewer
from support.evidence import proves

STRICTER = ("home", "hot", "selected", "chart", "popup")


def _like_the_feed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Policy, "surface", lambda self, name: self.surfaces["feed"])


@proves("S05", mutation="every surface has the policy of the feed", by=_like_the_feed)
def test_s05_what_nobody_has_cleared_is_on_the_feed_and_on_none_of_them() -> None:
    policy = load_policy("open")
    gate = Gate.compile(Catalogue.bare(["unlabelled"]), policy, lambda: 0.0)
    item = np.array([0], np.int32)
    assert gate.check(Viewer("feed", age=30), item).allowed.tolist() == [True]
    for surface in STRICTER:
        assert surface in policy.surfaces
        assert not gate.mask(Viewer(surface, age=30)).any()
        assert gate.check(Viewer(surface, age=30), item).allowed.tolist() == [False]


@proves("S05", mutation="every surface has the policy of the feed", by=_like_the_feed)
def test_s05_every_pack_that_ships_names_them_and_makes_them_strict() -> None:
    for pack in ("open", "strict", "demo"):
        policy = load_policy(pack)
        assert [policy.surface(name).strict for name in STRICTER] == [True] * 5
        assert set(STRICTER) <= set(policy.surfaces)
