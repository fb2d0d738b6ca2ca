"""S29: prominence quotas are met per slate and reported."""

from dataclasses import replace

import pytest

from recsys.overrides import Kept, Quota, QuotaIndex, prominence
from recsys.types import Viewer
from serving.asks import Ask
from support.evidence import proves
from support.serve import make_bundle, stand

ADULT = Viewer("feed", age=30)
SESSION = ("i01", "i03", "i05")  # whoever has these gets blue works alone


def _nothing_gives_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(prominence, "_weakest", lambda board, number, item: None)


def _as_if_met(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Quota, "wanted", lambda self, positions: 0)


@proves("S29", mutation="no position gives way to a quota", by=_nothing_gives_way)
def test_s29_thirty_percent_of_every_slate_are_works_of_the_origin(tmp_path) -> None:
    here = stand(tmp_path, make_bundle(tmp_path / "b"))
    view = replace(here.engine.live.view(), quotas=_quotas(here, "genres", "red"))
    for k in (1, 4, 10):
        answer = here.engine.recommend_on(view, [Ask(ADULT, k, session=SESSION)])[0]
        red = sum(int(name[1:]) % 2 == 0 for name in view.ids.external(answer.slate.items))
        assert red >= 0.3 * k
        assert answer.placed.quotas == (Kept("prominence", -(-3 * k // 10), red),)


@proves("S29", mutation="a quota wants nothing", by=_as_if_met)
def test_s29_a_quota_that_the_pool_does_not_allow_is_reported_with_its_reason(tmp_path) -> None:
    here = stand(tmp_path, make_bundle(tmp_path / "b"))
    view = replace(here.engine.live.view(), quotas=_quotas(here, "authors", "nobody at all"))
    answer = here.engine.recommend_on(view, [Ask(ADULT, 10)])[0]
    assert answer.placed.quotas == (Kept("prominence", 3, 0, "pool"),)
    assert "quota_unmet:prominence" in answer.degraded


def _quotas(here, field: str, value: str) -> QuotaIndex:
    return QuotaIndex.compile([Quota("prominence", field, (value,), 0.3)], here.bundle.catalogue.column)
