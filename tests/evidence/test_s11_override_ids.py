"""S11: every position that the model did not give has an override id."""

import pytest

from recsys.overrides import Boost, Bury, Exclude, Fill, Pin, Quota, QuotaIndex, Row, placing, prominence
from recsys.overrides.board import Spot
from support.campaigns import VIEWER, Known, campaign, live, placed
from support.evidence import proves


def _without_ids(patch: pytest.MonkeyPatch) -> None:
    for module in (placing, prominence):
        patch.setattr(
            module, "Spot", lambda item, score, source, _, level, at: Spot(item, score, source, None, level, at)
        )


@proves("S11", mutation="positions carry no override id", by=_without_ids)
def test_s11_without_the_positions_that_carry_an_id_the_models_own_order_is_left() -> None:
    orders = [
        campaign("pin", Pin("i9", 2)),
        campaign("fill", Fill(4, ("i7", "i8"))),
        campaign("row", Row(6, "A row", ("i6",), 1)),
        campaign("boost", Boost("i4", 5.0), Bury("i1", 0.2)),
        campaign("promise", Boost("i5", 1.0), start=0.0, guarantee=10),
        campaign("out", Exclude("i2")),
    ]
    quotas = QuotaIndex.compile([Quota("zh", "language", ("zh",), 0.1)], lambda _: [None] * 3 + ["zh"] + [None] * 6)
    out = placed([0, 1, 2, 4, 3, 5], live(*orders, now=50.0), 8, more=Known(), quotas=quotas.live(VIEWER)).slate
    rows = list(zip(out.items.tolist(), out.sources, out.overrides, strict=True))
    kinds = {source for _, source, _ in rows}
    assert {"pin", "fill", "row"} <= kinds
    assert all(override for _, source, override in rows if source != "als")
    own = [item for item, _, override in rows if override is None]
    assert own == [item for item in (0, 1, 2, 4, 3, 5) if item in own]
    assert not {1, 4} & set(own)  # moved by a factor


@proves("S11", mutation="positions carry no override id", by=_without_ids)
def test_s11_what_a_guarantee_or_a_quota_raised_has_an_id() -> None:
    promise = campaign("promise", Boost("i5", 1.0), start=0.0, guarantee=10)
    zh = QuotaIndex.compile([Quota("zh", "language", ("zh",), 0.3)], lambda _: [None] * 6 + ["zh"] + [None] * 3)
    out = placed([0, 1, 2, 6], live(promise, now=50.0), 3, quotas=zh.live(VIEWER)).slate
    assert dict(zip(out.sources, out.overrides, strict=True)) == {"als": None, "quota": "zh", "guarantee": "promise"}
