"""S19: news without a whitelisted source licence is held."""

import pytest

from recsys.safety import load_policy
from recsys.safety.marks import Reader
from recsys.types import Viewer
from support.evidence import proves
from support.gates import gate, said


def _no_rules(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Reader, "_hit", lambda reader, at, rule, row: None)


@proves("S19", mutation="rules on fields are not asked", by=_no_rules)
def test_s19_news_is_shown_under_a_licence_of_the_list_only() -> None:
    news = {"media_type": "news", "labels": ["general"]}
    over = gate(load_policy("news"), news | {"licence": "example-wire-2026"}, news | {"licence": "else"}, news)
    for surface in ("feed", "search", "home", "push"):
        viewer = Viewer(surface, "CN", 30)
        assert [said(over, viewer, at)[0] for at in range(3)] == ["allow", "hold", "hold"]
    assert said(gate(load_policy("strict"), news), Viewer("feed", "CN", 30)) == ("hold", "label:unlicensed")
