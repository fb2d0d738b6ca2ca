"""S11: in a list that the engine made, whatever an approved campaign put or moved carries its id."""

from pathlib import Path

import pytest

from recsys.overrides import placing
from recsys.overrides.board import Spot
from recsys.types import Viewer
from serving.asks import Ask
from serving.campaigns.desk import Desk
from serving.campaigns.four_eyes import FourEyes
from serving.stores.campaigns import Said
from support.data import AT
from support.evidence import proves
from support.serve import make_bundle, stand


def _without_ids(patch: pytest.MonkeyPatch) -> None:
    def bare(item: int, score: float, source: str, _: str | None, level: object, at: int) -> Spot:
        return Spot(item, score, source, None, level, at)  # type: ignore[arg-type]

    patch.setattr(placing, "Spot", bare)


@proves("S11", mutation="positions carry no override id", by=_without_ids)
def test_s11_an_approved_campaigns_positions_carry_its_id(tmp_path: Path) -> None:
    here = stand(tmp_path, make_bundle(tmp_path / "bundle"))
    ask = Ask(Viewer("feed", age=30), 10)
    plain = here.engine.recommend([ask])[0]
    desk, anna = Desk(here.control, FourEyes.load()), Said("Anna")
    last = plain.view.ids.external(plain.slate.items)[-1]
    actions = [{"kind": "pin", "item_id": "i39", "slot": 2}, {"kind": "boost", "item_id": last, "factor": 5.0}]
    start, end = f"{_iso(AT - 10)}", f"{_iso(AT + 10)}"
    desk.create({"id": "c", "start": start, "end": end, "surfaces": ["feed"], "actions": actions}, anna)
    desk.validate("c", anna)
    assert desk.submit("c", anna).state == "live"
    answer = here.engine.recommend([ask])[0]
    names = answer.view.ids.external(answer.slate.items)
    given = dict(zip(names, answer.slate.overrides, strict=True))
    assert (names[1], given["i39"], given[last]) == ("i39", "c/1", "c/2")
    own = [name for name in names if given[name] is None]
    before = plain.view.ids.external(plain.slate.items)
    assert own == [name for name in before if name in own]  # the rest stands as the model has it


def _iso(at: float) -> str:
    from recsys.clock import to_datetime

    return to_datetime(at).isoformat()
