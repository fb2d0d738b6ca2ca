"""S14, S16: minors, and unknown ages on strict surfaces, see the cleared pool within their band; signals tell more."""

import importlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recsys.clock import fixed_clock
from recsys.safety import Gate, load_policy
from recsys.safety.policy import Policy
from recsys.safety.stance import Stance, stance
from recsys.types import Viewer
from serving.api.encode import encode_list
from serving.asks import Ask
from support.evidence import proves
from support.gates import gate
from support.serve import make_bundle, stand

STANCE = importlib.import_module("recsys.safety.stance")  # the package exports a function of this name
ITEMS: list[dict[str, Any]] = [
    {"labels": None},
    {"labels": ["general"]},
    {"labels": ["general"], "min_age": 12},
    {"labels": ["general"], "min_age": 13},
    {"labels": ["general", "sponsored"]},
]


def _like_adults(patch: pytest.MonkeyPatch) -> None:
    def adult(policy: Policy, viewer: Viewer, now: float = 0.0, *, stale: bool = False) -> Stance:
        return replace(stance(policy, viewer, now, stale=stale), cleared_only=False, age=99)

    patch.setattr(STANCE, "stance", adult)


def _no_signals(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "signals", lambda gate, viewer: None)


def _always_day(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(STANCE, "is_curfew", lambda minors, territory, now: False)


@proves("S14", mutation="minors are treated as adults", by=_like_adults)
def test_s14_a_minor_sees_the_cleared_pool_within_the_band_on_every_surface() -> None:
    over = gate(load_policy("strict"), *ITEMS)
    for surface in ("feed", "search", "home", "minor"):
        assert over.mask(Viewer(surface, "DE", 15)).tolist() == [False, True, True, False, False]


@proves("S16", mutation="an unknown age is treated as an adult's", by=_like_adults)
def test_s16_an_unknown_age_on_a_strict_surface_sees_the_cleared_pool_of_the_lowest_band() -> None:
    over = gate(load_policy("open"), *ITEMS)
    for surface in ("home", "push", "hot", "minor"):
        assert over.mask(Viewer(surface, "DE")).tolist() == [False, True, False, False, False]


@proves("S16", mutation="the response has no signals", by=_no_signals)
def test_s16_curfew_and_the_session_break_are_in_the_response_to_a_minor(tmp_path: Path) -> None:
    night = datetime(2026, 1, 1, 23, tzinfo=UTC).timestamp() - 8 * 3600  # 23:00 in Beijing
    bundle = make_bundle(tmp_path / "bundle", recipes=[{"recipe": "popular", "half_life_days": 30.0}])
    here = stand(tmp_path, bundle, fixed_clock(night), policy="strict")
    answers = here.engine.recommend([Ask(Viewer("feed", "CN", age), 5) for age in (15, 30)])
    minor, adult = (json.loads(encode_list(answer)) for answer in answers)
    assert minor["signals"] == {"curfew": True, "break": 1800}
    assert "signals" not in adult


@proves("S16", mutation="it is never curfew", by=_always_day)
def test_s16_during_a_curfew_a_minor_is_shown_what_the_pack_says() -> None:
    shown = []
    for hour in (21, 22, 23, 5, 6):  # in Beijing
        now = datetime(2026, 1, 2, hour, tzinfo=UTC).timestamp() - 8 * 3600
        shown.append(
            bool(gate(load_policy("strict"), {"labels": ["general"]}, now=now).mask(Viewer("feed", "CN", 15))[0])
        )
    assert shown == [True, False, False, False, True]
