"""How strict the gate is towards one viewer, and what that makes of an item's labels."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from recsys.safety import terms
from recsys.safety.policy import Policy, Surface
from recsys.safety.verdict import UNLABELLED, Verdict
from recsys.types import Viewer


@dataclass(frozen=True, slots=True)
class Stance:
    """What of a viewer matters to the gate, once the pack has spoken."""

    surface: str  # "" for every surface that the pack does not name
    rules: Surface
    territory: str | None  # None = unknown
    age: int  # the age that a minimum age is compared with
    cleared_only: bool  # only items with known labels, all of them allowed


def stance(policy: Policy, viewer: Viewer) -> Stance:
    """The viewer as the pack sees them.

    * A surface that the pack does not name is strict and for minors.
    * A minor is a viewer younger than the last age band, or anybody on a surface for minors.
    * A strict surface shows the cleared pool only; so does every surface to a known minor, unless the pack says
      ``minors_cleared_only = false`` for it.
    * Where only the cleared pool is shown, a known minor counts as old as the start of their age band (0 below the
      lowest), so that minimum ages stay within the band. Elsewhere the known age itself is compared.
    * An unknown age is the pack's ``unknown_age``, on strict surfaces at most the lowest band. An adult age on
      a surface for minors says nothing of who looks, and counts as unknown. A negative age is 0.
    * A territory that is not an ISO code is unknown.
    """
    rules = policy.surface(viewer.surface)
    bands = policy.age_bands
    known = None if viewer.age is None else max(0, viewer.age)
    minor = rules.minors or (known is not None and known < bands[-1])
    cleared_only = rules.strict or (minor and rules.minors_cleared_only)
    if known is None or (rules.minors and known >= bands[-1]):
        age = bands[0] if rules.unknown_age is None else rules.unknown_age
        age = min(age, bands[0]) if rules.strict else age
    elif minor and cleared_only:
        below = bisect_right(bands, known)
        age = bands[below - 1] if below else 0
    else:
        age = known
    surface = viewer.surface if viewer.surface in policy.surfaces else ""
    return Stance(surface, rules, terms.territory(viewer.territory), age, cleared_only)


def judge_labels(policy: Policy, labels: Sequence[str], view: Stance) -> tuple[Verdict, str]:
    """The verdict on a set of labels, with its reason ("" for allow).

    No labels at all is ``unlabelled``; a label that the pack does not know is ``unknown_label``. Where only the cleared
    pool is shown, whatever is not allowed by a known label is at least a hold.
    """
    verdict, reason, cleared = Verdict.ALLOW, "", bool(labels)
    if not labels:
        verdict, reason = view.rules.unlabelled, UNLABELLED
    for name in labels:
        known = policy.verdict(name, view.surface)
        found = view.rules.unknown_label if known is None else known
        cleared = cleared and known is Verdict.ALLOW
        if found > verdict or (known is None and not reason):
            verdict, reason = max(verdict, found), f"{'label' if known is not None else 'unknown_label'}:{name}"
    if view.cleared_only and not cleared:
        verdict = max(verdict, Verdict.HOLD)
    return verdict, reason if verdict > Verdict.ALLOW else ""
