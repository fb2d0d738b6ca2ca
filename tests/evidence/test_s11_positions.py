"""S11: every position that the model did not give has an override id, in the record of the decision."""

from pathlib import Path

import pytest

from recsys.overrides import Override, placing
from recsys.overrides.board import Level, Spot
from serving.receipts.records import overrides_of, sources_of
from support.data import AT
from support.evidence import proves
from support.receipts import Logged, ids


def _anonymous(patch: pytest.MonkeyPatch) -> None:
    def spot(item: int, score: float, source: str, override: str | None, level: Level, at: int | None) -> Spot:
        return Spot(item, score, source, None if level is Level.MODEL else override, level, at)

    patch.setattr(placing, "Spot", spot)


@proves("S11", mutation="boosted and buried items do not name their override", by=_anonymous)
def test_s11_without_the_items_of_overrides_the_list_is_the_models_own(tmp_path: Path) -> None:
    here = Logged(tmp_path)
    model = ids(here.answer(k=40))
    acts = {
        "ov_pin": ("pin", model[20], {"slot": 2}),
        "ov_boost": ("boost", model[12], {"factor": 5.0}),
        "ov_bury": ("bury", model[0], {"factor": 0.2}),
    }
    for name, (action, item, more) in acts.items():
        made = Override(id=name, action=action, item_id=item, end=AT + 9e6, created_at=AT, created_by="ed", **more)
        here.control.put_override(made, "ed")
    here.served(k=40)
    (record,) = here.records()
    shown = list(zip(record["items"], sources_of(record), overrides_of(record), strict=True))
    assert record["items"] != model
    assert {override: item for item, _, override in shown if override} == {
        name: item for name, (_, item, _) in acts.items()
    }
    assert all(override for _, source, override in shown if source in ("pin", "boost"))
    placed = {item for _, item, _ in acts.values()}
    assert [item for item, _, override in shown if not override] == [item for item in model if item not in placed]
    here.close()
