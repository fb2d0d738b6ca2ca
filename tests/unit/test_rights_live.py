"""Rights from documents count from the next request on, for works of the bundle and for those that came since."""

from recsys.clock import fixed_clock
from recsys.safety.rights import Rights, Term, only
from recsys.types import Viewer
from serving.current import Live
from serving.stores.control import ControlStore
from support.data import AT
from support.serve import make_bundle

GERMANY = Rights((Term(only("DE")),), source="ddex")


def shown(live, item_id, territory):
    view = live.view()
    return bool(view.gate.mask(Viewer(territory=territory, age=30))[view.ids.get(item_id)])


def test_imported_rights_count_from_the_next_request_on(tmp_path):
    bundle = make_bundle(tmp_path / "bundle")
    control = ControlStore.open(tmp_path / "control.db")
    control.put_rights({"i01": GERMANY}, actor="sam", reason="before")
    live = Live(bundle, control, fixed_clock(AT))
    assert [shown(live, "i01", place) for place in ("DE", "FR")] == [True, False]
    control.put_rights({"i02": GERMANY, "new": GERMANY}, actor="sam", reason="while it runs")
    control.upsert_items([{"item_id": "new", "title": "New"}], "sam")
    assert [shown(live, "i02", place) for place in ("DE", "FR")] == [True, False]
    assert [shown(live, "new", place) for place in ("DE", "FR")] == [True, False]
    control.put_rights({"i02": Rights((Term(),))}, actor="sam", reason="a newer document")
    assert shown(live, "i02", "FR")
    control.close()
