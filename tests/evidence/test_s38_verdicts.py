"""S38: verdicts are a lattice; the most restrictive wins."""

import itertools

import pytest

from recsys.safety import Verdict
from support.evidence import proves


def _upside_down(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Verdict, "__lt__", lambda one, other: int(one) > int(other))


@proves("S38", mutation="verdicts are compared the other way round", by=_upside_down)
def test_s38_each_verdict_is_more_restrictive_than_the_one_before() -> None:
    names = ["allow", "label", "interstitial", "limit", "hold", "block", "takedown"]
    verdicts = [next(verdict for verdict in Verdict if verdict.code == name) for name in names]
    assert all(one < other for one, other in itertools.pairwise(verdicts))
