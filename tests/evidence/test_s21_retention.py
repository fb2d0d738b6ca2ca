"""S21: decision logs are kept for six months, unless set otherwise, and then removed."""

from pathlib import Path

import pytest

from recsys.clock import fixed_clock
from serving.receipts import keeping
from serving.receipts.verify import verify
from serving.settings import Settings
from support.data import AT
from support.evidence import proves
from support.receipts import Logged

DAY = 86_400.0


def _forever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(keeping, "_closed_before", lambda own, limit: iter(()))


@proves("S21", mutation="no segment is ever old", by=_forever)
def test_s21_decisions_are_kept_six_months_and_then_removed_with_their_side_records(tmp_path: Path) -> None:
    here, days = Logged(tmp_path), Settings(var=tmp_path).decisions_days
    assert days == 183
    here.served(user_id="ann")
    here.clock.saw(AT + DAY)
    here.log.flush()  # the first day's segment is closed
    keeping.anchor(here.folder, here.control)

    def removed(at: float) -> int:
        return len(keeping.remove_old(here.folder, here.control, days=days, clock=fixed_clock(at)))

    assert removed(AT + (1 + 183) * DAY - 1) == 0
    assert len(here.records()) == 1
    assert removed(AT + (1 + 183) * DAY + 1) == 1
    assert here.records() == []
    assert len(list(here.folder.glob("*.side"))) == 1
    assert verify(here.folder, here.control).faults == []
    here.close()
