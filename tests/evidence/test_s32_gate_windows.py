"""S32 at the gate: outside [start, end) in the viewer's territory an item never appears."""

from dataclasses import dataclass

import pytest

from recsys.safety.openings import Openings
from recsys.types import Viewer
from support.evidence import proves
from support.gates import NOW, gate, pack, said


@dataclass(frozen=True)
class Midnight:
    """Rights for one day, by the clocks of Germany (UTC + 1 h) and of China (UTC + 8 h)."""

    day: float  # s UTC

    def windows(self, territory: str | None) -> tuple[tuple[float, float], ...]:
        hours = {"DE": 1, "CN": 8}.get(territory or "")
        return () if hours is None else ((self.day - hours * 3600, self.day + 86_400 - hours * 3600),)


def _always_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Openings, "open", lambda openings, right, territory, now: True)


@proves("S32", mutation="rights are open whenever the gate asks", by=_always_open)
def test_s32_rights_open_and_close_at_the_territorys_own_midnight() -> None:
    moment = [0.0]
    over = gate(pack(), {}, rights={"i0": Midnight(NOW)}, clock=lambda: moment[-1])
    for place, hours in (("DE", 1), ("CN", 8)):
        start, end = NOW - hours * 3600, NOW + 86_400 - hours * 3600
        for at, shown in ((start - 1e-3, False), (start, True), (end - 1e-3, True), (end, False)):
            moment.append(at)
            assert said(over, Viewer("feed", place, 30))[0] == ("allow" if shown else "block")
            assert said(over, Viewer("feed", "US", 30)) == ("block", "window")
