"""S19: news without a whitelisted source licence is held."""

from pathlib import Path

import pytest

from recsys.safety import load_policy, packs
from recsys.safety.policy import Policy
from recsys.types import Viewer
from support.evidence import proves
from support.gates import gate, said
from support.inside import inside
from support.mutations import without_rule

NEWS = {"media_type": "news", "labels": ["general"]}
SURFACES = ("feed", "search", "detail", "batch", "home", "push", "hot", "selected", "chart", "popup")
LICENSED = "example-wire-2026"  # on the list of the pack news


def _any_licence(patch: pytest.MonkeyPatch) -> None:
    whole = Policy.values
    named = {LICENSED: "news_licences", "else": "news_licences"}
    patch.setattr(Policy, "values", lambda pack, given: named if "list:news_licences" in given else whole(pack, given))


@proves("S19", mutation="the rule on licences is gone", by=without_rule("news-without-licence"))
@proves("S19", mutation="every licence is on the list", by=_any_licence)
def test_s19_lists_have_news_under_a_licence_of_the_list_only(tmp_path: Path) -> None:
    with inside(tmp_path, policy="news") as api:
        licences = {"licensed": LICENSED, "other": "else", "none": None}
        works = [{**NEWS, "item_id": name, "title": name, "licence": given} for name, given in licences.items()]
        api.done("PUT", "/v1/items", {"items": works})
        found = {on: licences.keys() & set(api.ids(k=60, surface=on, territory="CN")) for on in SURFACES}
    assert found == {surface: {"licensed"} for surface in SURFACES}


@proves("S19", mutation="the rule on licences is gone", by=without_rule("news-without-licence"))
def test_s19_every_pack_for_labelled_works_holds_news_that_names_no_licence() -> None:
    for name in set(packs()) - {"open", "demo"}:
        over = gate(load_policy(name), NEWS)
        assert {said(over, Viewer(surface, "CN", 30)) for surface in SURFACES} == {("hold", "label:unlicensed")}
