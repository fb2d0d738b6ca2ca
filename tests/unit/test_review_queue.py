"""The review queue over a view."""

from recsys.safety.load import PACKS
from recsys.types import Viewer
from serving.review_queue import queue
from support.receipts import shared_bundle
from support.serve import stand

# it is 23:13 in Germany
NIGHT = """
[minors]
curfew = { starts = "22:00", ends = "06:00", shows = "nothing" }
zones = { DE = ["Europe/Berlin"] }
"""


def test_what_is_held_for_the_night_alone_is_no_case(tmp_path):
    pack = tmp_path / "nights.toml"
    pack.write_text((PACKS / "open.toml").read_text(encoding="utf-8") + NIGHT, encoding="utf-8")
    here = stand(tmp_path, shared_bundle(), policy=str(pack))
    here.control.upsert_items([{"item_id": "i01", "title": "Tide", "labels": ["general"]}], "platform")
    view = here.engine.live.view()
    assert view.gate.signals(Viewer("minor", "DE")).curfew
    found = queue(view, here.control, surface="minor", territory="DE")
    reasons = {entry.review.item_id: entry.review.reason for entry in found}
    assert ("i01" in reasons, reasons["i03"]) == (False, "unlabelled")
