"""S36 at the gate: before the lift time an item is in no list, explanation, suggestion or push."""

from datetime import UTC, datetime

import numpy as np
import pytest

from recsys.dataset.catalogue import Catalogue
from recsys.safety import Response, load_policy
from recsys.safety.columns import _seconds
from recsys.types import TimeArray, Viewer
from support.evidence import proves
from support.gates import NOW, gate

EVERY = ("feed", "search", "detail", "batch", "home", "push", "hot", "minor")


def _no_embargo(patch: pytest.MonkeyPatch) -> None:
    def without(catalogue: Catalogue, name: str) -> TimeArray:
        return np.full(len(catalogue), np.nan) if name == "embargo_until" else _seconds(catalogue, name)

    patch.setattr("recsys.safety.columns._seconds", without)


@proves("S36", mutation="embargoes are not read", by=_no_embargo)
def test_s36_before_it_lifts_an_embargoed_item_is_nowhere() -> None:
    lifts = datetime.fromtimestamp(NOW + 10, UTC)
    moment = [NOW]
    rows = [{"labels": ["general"]}, {"labels": ["general"], "embargo_until": lifts}]
    over = gate(load_policy("open"), *rows, clock=lambda: moment[-1])
    for after, shown in ((0.0, False), (9.999, False), (10.0, True)):
        moment.append(NOW + after)
        for surface in EVERY:
            viewer = Viewer(surface, "DE", 30)
            checked = over.check_response(viewer, Response(np.array([0, 1], np.int32), ((1,), ())))
            assert over.mask(viewer).tolist() == over.cleared(viewer).tolist() == [True, shown]
            assert checked.verdicts.allowed.tolist() == checked.may_show("artwork").tolist() == [True, shown]
            assert checked.because == (((1,) if shown else ()), ())
