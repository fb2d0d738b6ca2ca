"""S39: one item is blocked on push, limited on home, allowed in search; policy is per surface, as data."""

import pytest

from recsys.safety.parts import Meaning
from recsys.safety.policy import Policy
from recsys.safety.verdict import Verdict
from recsys.types import Viewer
from support.evidence import proves
from support.gates import gate, pack, said

PACK = 'bold = { verdict = "allow", surfaces = { push = "block", home = "limit", feed = "limit" } }\n'


def _one_for_all(patch: pytest.MonkeyPatch) -> None:
    def same(policy: Policy, meaning: Meaning, surface: str) -> Verdict:
        return meaning.verdict

    patch.setattr(Policy, "on", same)


@proves("S39", mutation="a label means the same on every surface", by=_one_for_all)
def test_s39_one_item_is_blocked_on_push_limited_on_home_and_allowed_in_search() -> None:
    over = gate(pack(PACK), {"labels": ["bold"]})
    verdicts = {surface: said(over, Viewer(surface, "DE", 30))[0] for surface in ("push", "home", "feed", "search")}
    assert verdicts == {"push": "block", "home": "limit", "feed": "limit", "search": "allow"}


@proves("S39", mutation="a label means the same on every surface", by=_one_for_all)
def test_s39_what_is_limited_is_found_where_a_viewer_asks_and_recommended_nowhere() -> None:
    over = gate(
        pack('bold = { verdict = "allow", surfaces = { feed = "limit", search = "limit" } }\n'), {"labels": ["bold"]}
    )
    assert [bool(over.mask(Viewer(surface, "DE", 30))[0]) for surface in ("feed", "search")] == [False, True]
