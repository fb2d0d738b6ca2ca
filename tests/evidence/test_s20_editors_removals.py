"""S20: what editors keep out or rank down has a statement of reasons; another person decides an appeal against it."""

from pathlib import Path

import pytest

from recsys.safety.labels import PRESENT, LabelEvent
from serving.campaigns.desk import Desk
from serving.campaigns.four_eyes import FourEyes
from serving.stores import campaigns, overrides, reviews
from serving.stores.campaigns import Said
from serving.stores.control import ControlStore
from serving.stores.records import ConflictError
from serving.stores.reviews import Decision, Reasons
from support.evidence import proves

QUIET = {
    "id": "quiet",
    "end": "1970-01-02",
    "surfaces": ["feed"],
    "reason": "A mourning day",
    "actions": [{"kind": "exclude", "item_id": "comedy"}, {"kind": "bury", "item_id": "satire", "factor": 0.5}],
}


def _on_air(tmp_path: Path) -> ControlStore:
    control = ControlStore.open(tmp_path / "control.db", lambda: 1000.0)
    desk = Desk(control, FourEyes.load())
    desk.create(QUIET, Said("Anna"))
    desk.validate("quiet", Said("Anna"))
    assert desk.submit("quiet", Said("Anna")).state == "live"
    return control


def _mute(patch: pytest.MonkeyPatch) -> None:
    for module in (campaigns, overrides):
        patch.setattr(module, "state_removals", lambda *_: None)


@proves("S20", mutation="what editors keep out is stated nowhere", by=_mute)
def test_s20_a_removal_by_an_editor_says_what_why_and_how_far(tmp_path: Path) -> None:
    control = _on_air(tmp_path)
    found = {one.item_id: one.reasons for one in control.statements()}
    assert set(found) == {"comedy", "satire"}
    assert (found["comedy"].why, found["comedy"].scope.startswith("feed; everywhere; until 1970-01-02")) == (
        "A mourning day",
        True,
    )


def _anybody(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reviews, "_is_barred", lambda review, actor: False)


@proves("S20", mutation="an editor may decide the appeal against an own removal", by=_anybody)
def test_s20_the_editor_who_removed_a_work_does_not_decide_the_appeal(tmp_path: Path) -> None:
    control = _on_air(tmp_path)
    (statement,) = control.statements(item_id="comedy")
    appeal = control.appeal(statement.id, "It is no comedy.", "platform")
    label = LabelEvent("l", "", PRESENT, "human", "fine", created=1.0)
    decision = Decision(appeal.id, appeal.version, (label,), Reasons("a", "b", "c", "d"))
    with pytest.raises(ConflictError, match="another reviewer"):
        control.decide_review(decision, "Anna")
    assert control.decide_review(decision, "Ben").decided_by == "Ben"
