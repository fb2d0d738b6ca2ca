"""S39: one item is blocked on push, limited on home, allowed in search; policy is per surface, as data."""

from pathlib import Path

import pytest

from recsys.safety.parts import Meaning
from recsys.safety.policy import Policy
from recsys.safety.verdict import Verdict
from recsys.types import Viewer
from support.evidence import proves
from support.gates import PACK, gate, pack, said
from support.inside import inside

BOLD = 'bold = { verdict = "allow", surfaces = { push = "block", home = "limit", feed = "limit" } }\n'


def _one_for_all(patch: pytest.MonkeyPatch) -> None:
    def same(policy: Policy, meaning: Meaning, surface: str) -> Verdict:
        return meaning.verdict

    patch.setattr(Policy, "on", same)


def _limited_nowhere(patch: pytest.MonkeyPatch) -> None:
    whole = Policy.surface
    patch.setattr(Policy, "surface", lambda pack, name: whole(pack, name).model_copy(update={"show_limited": False}))


@proves("S39", mutation="a label means the same on every surface", by=_one_for_all)
def test_s39_one_item_is_blocked_on_push_limited_on_home_and_allowed_in_search() -> None:
    over = gate(pack(BOLD), {"labels": ["bold"]})
    verdicts = {surface: said(over, Viewer(surface, "DE", 30))[0] for surface in ("push", "home", "feed", "search")}
    assert verdicts == {"push": "block", "home": "limit", "feed": "limit", "search": "allow"}


@proves("S39", mutation="a label means the same on every surface", by=_one_for_all)
def test_s39_another_pack_is_another_answer_on_the_next_request_and_no_code_changes(tmp_path: Path) -> None:
    with inside(tmp_path, policy_unsigned=True) as api:
        api.done("PUT", "/v1/items", {"items": [{"item_id": "bold", "title": "Bold", "labels": ["bold"]}]})

        def shown() -> list[bool]:
            return ["bold" in api.ids(k=60, surface=surface) for surface in ("push", "home", "feed", "search")]

        published = []
        for version, on_push in (("1", "block"), ("2", "allow")):
            text = PACK.replace('version = "1"', f'version = "{version}"') + BOLD.replace('"block"', f'"{on_push}"')
            step = api.done("POST", "/v1/policies", {"pack": text, "reason": "test"})
            if step["action"] == "propose":  # it loosens: another person agrees
                api.done("POST", f"/v1/policies/{step['step']}/approval", {}, role="safety2")
            published.append(shown())
    assert published == [[False, False, False, True], [True, False, False, True]]


@proves("S39", mutation="what is limited is shown nowhere", by=_limited_nowhere)
def test_s39_what_is_limited_is_found_where_a_viewer_asks_and_recommended_nowhere() -> None:
    over = gate(
        pack('bold = { verdict = "allow", surfaces = { feed = "limit", search = "limit" } }\n'), {"labels": ["bold"]}
    )
    assert [bool(over.mask(Viewer(surface, "DE", 30))[0]) for surface in ("feed", "search")] == [False, True]
