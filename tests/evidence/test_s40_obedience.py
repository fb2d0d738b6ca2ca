"""S40: the time from a takedown to the moment from which a worker shows the work no more is a metric."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from recsys.types import Viewer
from serving import current
from serving.asks import Ask
from support.data import AT
from support.evidence import proves
from support.serve import make_bundle, stand


class _Turned:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> float:
        return self.now


def _measured() -> float:
    return REGISTRY.get_sample_value("recsys_takedown_seconds_sum") or 0.0


def _silent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(current, "obeyed", lambda seconds: None)


@proves("S40", mutation="a worker that obeys a takedown does not say how late it was", by=_silent)
def test_s40_a_worker_says_how_long_after_the_order_the_work_is_gone(tmp_path: Path) -> None:
    clock = _Turned()
    here = stand(tmp_path, make_bundle(tmp_path / "bundle"), clock)
    viewer = Viewer("feed", age=30)
    (before,) = here.engine.recommend([Ask(viewer, 40)])
    measured = _measured()
    here.control.take_down("i03", reason="court order", actor="officer")
    clock.now += 3.0
    (after,) = here.engine.recommend([Ask(viewer, 40)])
    gone = set(before.view.ids.external(before.slate.items)) - set(after.view.ids.external(after.slate.items))
    assert gone == {"i03"}
    assert _measured() - measured == pytest.approx(3.0)
