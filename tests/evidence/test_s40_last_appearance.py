"""S40: the time from a takedown to the last appearance is measured from the decision log, for each takedown."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from serving.measures import last_appearance, touch
from serving.receipts import sightings
from serving.receipts.report import takedown_report
from serving.receipts.upkeep import Upkeep
from support.data import AT
from support.evidence import proves
from support.receipts import Logged, ids


def _blind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sightings, "_appearances", lambda folder, items, since: iter(()))


def _sum() -> float:
    return REGISTRY.get_sample_value("recsys_takedown_last_appearance_seconds_sum") or 0.0


@proves("S40", mutation="nobody looks for appearances in the decision log", by=_blind)
def test_s40_the_time_to_the_last_appearance_is_in_the_metric_and_in_the_report(tmp_path: Path) -> None:
    touch()
    here, before = Logged(tmp_path), _sum()
    shown = here.answer()
    order = here.control.take_down(ids(shown)[0], reason="court order", actor="officer")
    here.write([shown], at=AT + 1.25)
    here.write([shown], at=AT + 3.5)  # a replica that heard of it late
    here.clock.saw(AT + 60)
    Upkeep(here.folder, here.control, days=183, clock=here.clock, told=last_appearance).round()
    assert _sum() - before == pytest.approx(3.5)
    report = takedown_report(order.id, here.control, here.settings)
    assert (report["seconds_to_last_appearance"], report["last_at"]) == (3.5, AT + 3.5)
    here.close()
