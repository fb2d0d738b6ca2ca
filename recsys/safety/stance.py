"""How strict the gate is towards one viewer at one moment."""

import math
from bisect import bisect_right
from dataclasses import dataclass

from recsys.safety import terms
from recsys.safety.curfew import is_curfew
from recsys.safety.parts import Surface
from recsys.safety.policy import Policy
from recsys.safety.variants import Variants
from recsys.safety.verdict import CURFEW, STALE, Verdict
from recsys.types import Viewer


@dataclass(frozen=True, slots=True)
class Stance:
    """What of a viewer matters to the gate, once a pack has spoken."""

    surface: str  # "" for every surface that the pack does not name
    rules: Surface
    territory: str | None  # None = unknown
    age: int  # the age that a minimum age is compared with
    cleared_only: bool  # only items with known labels, all of them allowed
    minor: bool = False
    closed: str = ""  # why nothing at all is shown now

    @property
    def limit(self) -> Verdict:
        """The most restrictive verdict that is still shown."""
        return Verdict.LIMIT if self.rules.show_limited else Verdict.INTERSTITIAL


def stance(policy: Policy, viewer: Viewer, now: float = math.nan, *, stale: bool = False) -> Stance:
    """The viewer as one pack sees them at ``now`` (s UTC; NaN = whatever the hour).

    * A surface that the pack does not name is strict and for minors.
    * A minor is a viewer younger than the last age band, or anybody on a surface for minors.
    * A strict surface shows the cleared pool only; so does every surface to a known minor, unless the pack says
      ``minors_cleared_only = false`` for it; and every surface to minors during a curfew that shows something.
    * Where only the cleared pool is shown, a known minor counts as old as the start of their age band (0 below the
      lowest), so that minimum ages stay within the band. Elsewhere the known age itself is compared.
    * An unknown age is the pack's ``unknown_age``, on strict surfaces at most the lowest band. An adult age on
      a surface for minors says nothing of who looks, and counts as unknown. A negative age is 0.
    * A territory that is not an ISO code is unknown.
    * Under a stale pack strict surfaces show nothing, and the others the cleared pool.
    """
    rules = policy.surface(viewer.surface)
    bands = policy.age_bands
    territory = terms.territory(viewer.territory)
    known = None if viewer.age is None else max(0, viewer.age)
    minor = rules.minors or (known is not None and known < bands[-1])
    night = minor and math.isfinite(now) and is_curfew(policy.minors, territory, now)
    cleared_only = rules.strict or (minor and rules.minors_cleared_only) or night or stale
    if known is None or (rules.minors and known >= bands[-1]):
        age = bands[0] if rules.unknown_age is None else rules.unknown_age
        age = min(age, bands[0]) if rules.strict else age
    elif minor and cleared_only:
        below = bisect_right(bands, known)
        age = bands[below - 1] if below else 0
    else:
        age = known
    closed = STALE if stale and rules.strict else CURFEW if night and _sleeps(policy) else ""
    surface = viewer.surface if viewer.surface in policy.surfaces else ""
    return Stance(surface, rules, territory, age, cleared_only, minor, closed)


def stances(packs: Variants, viewer: Viewer, now: float, *, stale: bool = False) -> tuple[Stance, ...]:
    """The viewer as each pack that holds in their territory sees them, aligned with ``packs.of(territory)``."""
    return tuple(stance(pack, viewer, now, stale=stale) for pack in packs.of(terms.territory(viewer.territory)))


def _sleeps(policy: Policy) -> bool:
    return policy.minors.curfew is not None and policy.minors.curfew.shows == "nothing"
