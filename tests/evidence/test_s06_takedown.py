"""S06: a takedown is out of every list, explanation and batch file at once, leaves evidence, and is reported."""

from pathlib import Path

import pytest

from recsys.safety import Gate
from recsys.types import Viewer
from serving.engine import Engine
from serving.receipts.report import takedown_report
from serving.stores import takedowns
from serving.stores.control import ControlStore
from serving.view import Live
from support.evidence import proves
from support.receipts import ADULT, Logged, ids

SURFACES = ("feed", "search", "detail", "home", "push", "hot", "minor", "batch")


def _unheard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "with_takedowns", lambda gate, orders: gate)


@proves("S06", mutation="the gate does not learn of new takedowns", by=_unheard)
def test_s06_a_work_is_out_of_lists_and_explanations_of_every_replica_on_the_next_request(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    replica = ControlStore.open(here.settings.control_location(), here.clock)
    live = Live(here.bundle, replica, here.clock)
    other = Engine(live, replica, here.stand.state, here.clock)
    here.stand.saw("ann", "i05", "i07")
    asked = {"k": 40, "explain": True}
    before = here.answer(user_id="bob", **asked)
    assert "i05" in ids(before)
    assert ("i05",) in here.answer(user_id="ann", **asked).because
    here.control.take_down("i05", reason="court order", actor="officer")
    for viewer in (Viewer(surface, "DE", 30) for surface in SURFACES):
        assert "i05" not in ids(here.answer(viewer, user_id="bob", **asked))
        assert "i05" not in ids(here.answer(viewer, similar_to="i07", **asked))
    assert ("i05",) not in here.answer(user_id="ann", **asked).because
    assert "i05" not in ids(other.recommend([before.ask])[0])
    here.close()


def _silent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(takedowns, "emit", lambda *told: None)


@proves("S06", mutation="nothing of an order is noted to be told", by=_silent)
def test_s06_a_takedown_keeps_evidence_and_emits_a_report(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    shown = here.served(ADULT)
    order = here.control.take_down(ids(shown)[0], reason="court order", actor="officer")
    report = takedown_report(order.id, here.control, here.settings)
    (last,) = next(iter(report["shown"].values()))["last_before"]
    assert (last["decision_id"], last["rank"], last["surface"]) == (shown.decision_id, 1, "feed")
    assert [event["kind"] for event in report["events"]] == ["takedown.ordered"]
    assert here.control.notes("takedown")[0].reason == "court order"
    here.close()
