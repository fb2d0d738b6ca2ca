"""S13: at most n items of one creator or topic in a response, enforced after overrides."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recsys.overrides import Override
from recsys.safety.load import PACKS
from recsys.types import Viewer
from serving.asks import Ask
from serving.view import View
from support.data import AT
from support.evidence import proves
from support.serve import make_bundle, stand


def _no_caps(patch: pytest.MonkeyPatch) -> None:
    limits = View.limits
    patch.setattr(View, "limits", lambda *told: replace(limits(*told), max_per_creator=None, max_per_topic=None))


def _list(folder: Path, limit: str) -> list[dict[str, Any]]:
    """Ten items under a pack with this limit, after the works of author 1, all red, were pinned to the first places."""
    text = (PACKS / "open.toml").read_text(encoding="utf-8")
    path = folder / "capped.toml"
    path.write_text(text.replace("[surfaces.feed]", f"[surfaces.feed]\n{limit}"), encoding="utf-8")
    bundle = make_bundle(folder / "bundle", recipes=[{"recipe": "popular", "half_life_days": 30.0}])
    here = stand(folder, bundle, policy=str(path))
    for slot, item in enumerate(("i01", "i15", "i29"), 1):
        pin = Override(f"ov-{item}", "pin", item, slot=slot, start=AT - 10, end=AT + 10, reason="test")
        here.control.put_override(pin, "editor")
    answer = here.engine.recommend([Ask(Viewer("feed", "DE", 30), 10)])[0]
    return [answer.view.record(int(item)) for item in answer.slate.items]


@proves("S13", mutation="lists are not capped", by=_no_caps)
def test_s13_no_creator_has_more_than_its_places_whatever_was_pinned(tmp_path: Path) -> None:
    shown = _list(tmp_path, "max_per_creator = 2")
    assert len(shown) == 10
    assert max(Counter(str(item["authors"]) for item in shown).values()) == 2


@proves("S13", mutation="lists are not capped", by=_no_caps)
def test_s13_no_topic_has_more_than_its_places_whatever_was_pinned(tmp_path: Path) -> None:
    shown = _list(tmp_path, "max_per_topic = 3")
    assert Counter(str(item["genres"]) for item in shown) == {"['red']": 3, "['blue']": 3}
