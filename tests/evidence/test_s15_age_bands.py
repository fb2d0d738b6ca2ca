"""S15: age bands are data: another pack, other bands."""

import importlib

import pytest

from recsys.safety import parse_policy
from recsys.safety.policy import Policy
from recsys.safety.stance import Stance, stance
from recsys.types import Viewer
from support.evidence import proves
from support.gates import PACK, gate

STANCE = importlib.import_module("recsys.safety.stance")  # the package exports a function of this name


def _bands_in_code(patch: pytest.MonkeyPatch) -> None:
    def fixed(policy: Policy, viewer: Viewer, now: float = 0.0, *, stale: bool = False) -> Stance:
        return stance(policy.model_copy(update={"age_bands": (3, 8, 12, 16, 18)}), viewer, now, stale=stale)

    patch.setattr(STANCE, "stance", fixed)


@proves("S15", mutation="the bands of the guide are taken whatever the pack says", by=_bands_in_code)
def test_s15_a_minor_counts_as_old_as_the_band_that_the_pack_names() -> None:
    rows = [{"labels": ["general"], "min_age": age} for age in (0, 7, 11, 14)]
    viewer = Viewer("home", "DE", 13)
    for bands, shown in (((3, 8, 12, 16, 18), 3), ((7, 14, 21), 2), ((5, 18), 1)):
        over = gate(parse_policy(f"age_bands = {list(bands)}\n{PACK}"), *rows)
        assert int(over.mask(viewer).sum()) == shown
