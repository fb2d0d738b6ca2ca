"""S05: home, hot, selected, chart and pop-up are named surfaces with a stricter policy."""

from pathlib import Path

import pytest

from recsys.safety import Policy, load_policy, packs
from support.evidence import proves
from support.inside import inside

STRICTER = ("home", "hot", "selected", "chart", "popup")


def _like_the_feed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Policy, "surface", lambda self, name: self.surfaces["feed"])


@proves("S05", mutation="every surface has the policy of the feed", by=_like_the_feed)
def test_s05_lists_on_them_have_only_what_somebody_has_cleared(tmp_path: Path) -> None:
    with inside(tmp_path) as api:
        api.done("PUT", "/v1/items", {"items": [{"item_id": "cleared", "title": "C", "labels": ["general"]}]})
        assert {"cleared", "i01"} <= set(api.ids(k=60, surface="feed"))
        assert [api.ids(k=60, surface=surface) for surface in STRICTER] == [["cleared"]] * 5


@proves("S05", mutation="every surface has the policy of the feed", by=_like_the_feed)
def test_s05_every_pack_that_ships_names_them_and_makes_them_strict() -> None:
    for pack in packs():
        policy = load_policy(pack)
        assert [policy.surface(name).strict for name in STRICTER] == [True] * 5
        assert set(STRICTER) <= set(policy.surfaces)
        assert not policy.surface("feed").strict
