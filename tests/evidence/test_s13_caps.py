"""S13: at most n items of one creator or topic in a list, enforced after overrides."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recsys.safety.load import PACKS
from serving.view import View
from support.evidence import proves
from support.inside import Inside, inside


def _no_cap(of: str) -> Any:
    limits = View.limits

    def mutate(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(View, "limits", lambda *told: replace(limits(*told), **{of: None}))

    return mutate


@contextmanager
def _under(folder: Path, limit: str) -> Iterator[Inside]:
    """Under a pack with this limit, with four works of author 1, three of them blue, pinned to the first places."""
    text = (PACKS / "open.toml").read_text(encoding="utf-8")
    path = folder / "capped.toml"
    path.write_text(text.replace("[surfaces.feed]", f"[surfaces.feed]\n{limit}"), encoding="utf-8")
    with inside(folder, policy=str(path)) as api:
        for slot, item in enumerate(("i01", "i15", "i29", "i22"), 1):
            pin = {"action": "pin", "item_id": item, "slot": slot, "surfaces": ["feed"]}
            api.done("POST", "/v1/overrides", {**pin, "end": "2030-01-01", "reason": "test"}, role="editor")
        yield api


def _shown(api: Inside, field: str, **ask: Any) -> Counter[str]:
    asked = {"age": 30, "k": 10, **ask}
    found = api.done("POST", "/v1/recommend", asked, role="platform")["items"]
    assert len(found) == 10
    return Counter(item[field][0] for item in found)


@proves("S13", mutation="lists have no cap of creators", by=_no_cap("max_per_creator"))
def test_s13_no_creator_has_more_than_its_places_whatever_was_pinned(tmp_path: Path) -> None:
    with _under(tmp_path, "max_per_creator = 2") as api:
        for ask in ({}, {"session": ["i08"]}, {"user_id": "ann"}):
            assert max(_shown(api, "authors", **ask).values()) == 2


@proves("S13", mutation="lists have no cap of topics", by=_no_cap("max_per_topic"))
def test_s13_no_topic_has_more_than_its_places_whatever_was_pinned(tmp_path: Path) -> None:
    with _under(tmp_path, "max_per_topic = 5") as api:
        for ask in ({}, {"session": ["i08"]}, {"user_id": "ann"}):
            assert _shown(api, "genres", **ask) == {"red": 5, "blue": 5}
