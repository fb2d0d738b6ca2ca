"""The review queue over a view."""

from recsys.safety.labels import PRESENT, LabelEvent
from recsys.safety.load import PACKS
from recsys.types import Viewer
from serving.review_queue import queue
from support.receipts import shared_bundle
from support.serve import stand


def test_what_is_held_for_the_night_alone_is_no_case(tmp_path):
    night = '[minors]\ncurfew = { starts = "22:00", ends = "06:00", shows = "nothing" }\n'  # it is 23:13 in Germany
    pack = tmp_path / "nights.toml"
    pack.write_text(f"{(PACKS / 'open.toml').read_text(encoding='utf-8')}\n{night}", encoding="utf-8")
    here = stand(tmp_path, shared_bundle(), policy=str(pack))
    here.control.add_labels([LabelEvent("l", "i01", PRESENT, "human", "general", created=1.0)], "officer")
    view = here.engine.live.view()
    reasons = {}
    for surface in ("minor", "home"):
        found = queue(view, here.control, surface=surface, territory="DE")
        reasons[surface] = {entry.review.item_id: entry.review.reason for entry in found}
    assert view.gate.signals(Viewer("minor", "DE")).curfew
    assert ("i01" in reasons["minor"], reasons["minor"]["i03"]) == (False, "unlabelled")
    assert reasons["minor"].keys() == reasons["home"].keys()
