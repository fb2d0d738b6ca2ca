"""S28: a paid promotion carries label, sponsor and main parameters."""

import json
from dataclasses import replace

import pytest

from recsys.errors import ConfigError
from recsys.overrides import Boost, Fill, Live, OverrideIndex, Pin, Row, Sponsor
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.asks import Ask
from support.campaigns import campaign
from support.data import AT
from support.evidence import proves
from support.serve import make_bundle, stand

PAID = Sponsor("A publisher", "广告", ("territory: DE", "page: books"))


def _in_silence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Live, "sponsor", lambda self, override: None)


def _unchecked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sponsor, "mistakes", lambda self: iter(()))


@proves("S28", mutation="nobody says who pays", by=_in_silence)
def test_s28_every_paid_position_says_so_in_the_response_and_no_other(tmp_path) -> None:
    here = stand(tmp_path, make_bundle(tmp_path / "b"))
    orders = [
        campaign("ad", Pin("i07", 1), Fill(3, ("i09",)), Row(5, "Row", ("i11",), 1), sponsor=PAID, end=AT + 10),
        campaign("free", Pin("i13", 2), Boost("i15", 5.0), end=AT + 10),
    ]
    view = replace(here.engine.live.view(), overrides=OverrideIndex.compile(orders, here.bundle.catalogue.ids))
    items = json.loads(encode_list(here.engine.recommend_on(view, [Ask(Viewer("feed", age=30))])[0]))["items"]
    paid = {"label": "广告", "sponsor": "A publisher", "parameters": ["territory: DE", "page: books"]}
    told = [item.get("promotion") for item in items]
    assert [told[at] for at in (0, 2, 4)] == [paid] * 3
    assert told.count(None) == len(items) - 3
    assert items[0]["reason"]["code"] == "sponsored"


@proves("S28", mutation="a sponsor is not checked", by=_unchecked)
def test_s28_a_sponsor_without_label_name_or_parameters_is_refused() -> None:
    for wrong in (replace(PAID, label=""), replace(PAID, name=" "), replace(PAID, parameters=())):
        with pytest.raises(ConfigError, match="sponsor"):
            campaign("ad", Pin("i1", 1), sponsor=wrong).validate()
