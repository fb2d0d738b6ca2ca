"""S01: personalisation off, and two users with different histories get byte-identical lists from then on."""

from dataclasses import replace
from pathlib import Path

import pytest

from serving.api.encode import encode_list
from serving.stores.control import Controls, ControlStore
from support.evidence import proves
from support.receipts import ADULT, Logged


def _unread(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ControlStore, "controls", lambda store, user: Controls())


@proves("S01", mutation="what a user has chosen is not read", by=_unread)
def test_s01_who_has_opted_out_cannot_be_told_from_another_one(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    histories = {"ann": ("i05", "i07"), "bob": ("i02", "i06")}

    def lists() -> list[bytes]:
        return [encode_list(replace(here.answer(ADULT, 20, user_id=user), decision_id="")) for user in histories]

    for user, items in histories.items():
        here.stand.saw(user, *items)
    ann, bob = lists()
    assert ann != bob
    for user in histories:
        here.control.put_controls(user, Controls(personalised=False))
    ann, bob = lists()
    assert ann == bob
    here.close()
