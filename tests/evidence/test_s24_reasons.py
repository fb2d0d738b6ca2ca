"""S24: every item has a reason, in Chinese and English, whoever asks and whatever put it there."""

from pathlib import Path

import msgspec
import pytest

from recsys.overrides import Override
from recsys.types import Viewer
from serving.api import encode
from support.data import AT
from support.evidence import proves
from support.receipts import ADULT, Logged


def _wordless(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(encode, "_REASONS", dict.fromkeys(encode._REASONS, b'{"zh":"","en":""'))


@proves("S24", mutation="reasons have no words", by=_wordless)
def test_s24_every_item_of_every_kind_of_list_has_a_reason_in_both_languages(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    here.stand.saw("ann", "i05", "i07")
    here.control.upsert_items([{"item_id": "new", "title": "New", "genres": ["red"]}], "platform")
    pin = Override(id="o", action="pin", item_id="i33", slot=1, end=AT + 9e6, created_at=AT, created_by="ed")
    here.control.put_override(pin, "ed")
    asks = [
        {"user_id": "ann"},
        {"user_id": "new"},
        {"session": ("i09",)},
        {"similar_to": "i05"},
        {"profile": {"a": "b"}},
    ]
    viewers = [ADULT, Viewer("search", None, None), Viewer("feed", "DE", 30, personalised=False)]
    codes = set()
    for answer in (here.answer(viewer, 60, **ask) for viewer in viewers for ask in asks):
        items = msgspec.json.decode(encode.encode_list(answer))["items"]
        assert items
        for item in items:
            assert item["reason"]["zh"]
            assert item["reason"]["en"]
            codes.add(item["reason"]["code"])
    assert {"history", "editor", "similar", "popular"} <= codes
    here.close()
