"""S14, S16: minors, and unknown ages on strict surfaces, see the cleared pool within their band; signals tell more."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from recsys.safety import Gate
from recsys.safety.policy import Policy
from recsys.safety.stance import Stance, stance
from recsys.types import Viewer
from support.evidence import proves
from support.inside import Inside, inside

STANCE = importlib.import_module("recsys.safety.stance")  # the package exports a function of this name
WORKS: dict[str, dict[str, Any]] = {
    "unlabelled": {},
    "general": {"labels": ["general"]},
    "twelve": {"labels": ["general"], "min_age": 12},
    "thirteen": {"labels": ["general"], "min_age": 13},
    "sponsored": {"labels": ["general", "sponsored"]},
}
STRICT = ("home", "push", "hot", "selected", "chart", "popup", "minor")


def _changed(**fields: Any) -> Any:
    def mutate(patch: pytest.MonkeyPatch) -> None:
        def other(policy: Policy, viewer: Viewer, now: float = 0.0, *, stale: bool = False) -> Stance:
            return replace(stance(policy, viewer, now, stale=stale), **fields)

        patch.setattr(STANCE, "stance", other)

    return mutate


@contextmanager
def _works(folder: Path, policy: str) -> Iterator[Inside]:
    with inside(folder, policy=policy) as api:
        items = [{"item_id": name, "title": name, **record} for name, record in WORKS.items()]
        api.done("PUT", "/v1/items", {"items": items})
        yield api


def _shown(api: Inside, **ask: Any) -> set[str]:
    return WORKS.keys() & set(api.ids(k=60, **ask))


@proves("S14", mutation="minors see what nobody has cleared", by=_changed(cleared_only=False))
@proves("S14", mutation="nothing is too old for a minor", by=_changed(age=99))
def test_s14_the_lists_of_a_minor_are_of_the_cleared_pool_within_the_band_on_every_surface(tmp_path: Path) -> None:
    with _works(tmp_path, "strict") as api:
        minor = {surface: _shown(api, age=15, surface=surface) for surface in ("feed", "search", "detail", *STRICT)}
        assert minor == {surface: {"general", "twelve"} for surface in minor}
        assert _shown(api, age=30, surface="feed") == {"general", "twelve", "thirteen", "sponsored"}


@proves("S16", mutation="an unknown age sees what nobody has cleared", by=_changed(cleared_only=False))
@proves("S16", mutation="nothing is too old for an unknown age", by=_changed(age=99))
def test_s16_an_unknown_age_on_a_strict_surface_sees_the_cleared_pool_of_the_lowest_band(tmp_path: Path) -> None:
    with _works(tmp_path, "open") as api:
        found = {surface: _shown(api, age=None, surface=surface) for surface in STRICT}
        assert found == {surface: {"general"} for surface in STRICT}
        # an age that a form gives says nothing of who looks at a surface for minors
        assert _shown(api, age=30, surface="minor") == {"general"}


def _no_signals(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Gate, "signals", lambda gate, viewer: None)


def _utc_everywhere(patch: pytest.MonkeyPatch) -> None:
    from recsys.safety import curfew

    patch.setattr(curfew, "clocks", lambda territory: (UTC,))
    patch.setattr(curfew, "ZoneInfo", lambda name: UTC)


def _always_day(patch: pytest.MonkeyPatch) -> None:
    for module in (STANCE, importlib.import_module("recsys.safety.gate")):
        patch.setattr(module, "is_curfew", lambda minors, territory, now: False)


def _nights(folder: Path) -> str:
    """The pack strict with a curfew that holds everywhere, by each territory's own clock."""
    from recsys.safety.load import PACKS

    text = (PACKS / "strict.toml").read_text(encoding="utf-8")
    everywhere = '[minors]\ncurfew = { starts = "22:00", ends = "06:00", shows = "nothing" }\n'
    everywhere += 'zones = { US = ["America/New_York"] }'
    path = folder / "nights.toml"
    path.write_text(text.replace("[minors]", everywhere, 1), encoding="utf-8")
    return str(path)


@proves("S16", mutation="the response has no signals", by=_no_signals)
@proves("S16", mutation="it is never curfew", by=_always_day)
@proves("S16", mutation="curfew goes by UTC everywhere", by=_utc_everywhere)
def test_s16_curfew_by_the_territorys_own_clock_and_the_break_are_in_the_response_to_a_minor(tmp_path: Path) -> None:
    moments = {
        "15:00 in Beijing, 08:00 in Berlin, 02:00 in New York": datetime(2027, 1, 2, 7, tzinfo=UTC),
        "23:00 in Beijing, 16:00 in Berlin, 10:00 in New York": datetime(2027, 1, 2, 15, tzinfo=UTC),
        "06:00 in Beijing, 23:00 in Berlin, 17:00 in New York": datetime(2027, 1, 2, 22, tzinfo=UTC),
    }
    night = []
    with _works(tmp_path, _nights(tmp_path)) as api:
        for moment in moments.values():
            api.runtime.clock.saw(moment.timestamp())  # type: ignore[attr-defined]
            asked = [{"age": 15, "territory": place} for place in ("CN", "DE", "US")]
            told = [api.done("POST", "/v1/recommend", ask, role="platform") for ask in asked]
            assert [one.get("signals", {}).get("break") for one in told] == [1800] * 3
            night.append([one["signals"]["curfew"] for one in told])
            assert [not one["items"] for one in told] == night[-1]  # this pack shows nothing at night
        adult = api.done("POST", "/v1/recommend", {"age": 30, "territory": "CN"}, role="platform")
    assert night == [[False, False, True], [True, False, False], [False, True, False]]
    assert ("signals" in adult, bool(adult["items"])) == (False, True)
