"""Two gates at once: what either forbids is forbidden. A canary goes through it, so that it can only be stricter."""

from dataclasses import dataclass, field

import numpy as np

from recsys.errors import ConfigError
from recsys.safety.curfew import Signals
from recsys.safety.gate import Gate
from recsys.safety.judge import Pool
from recsys.safety.limits import Limits
from recsys.safety.policy import Policy
from recsys.safety.recent import Recent
from recsys.safety.verdict import Finding, Verdicts, Witness
from recsys.types import BoolArray, IntArray, Viewer

BOTH = " & "  # between the names of two policies that judge together
_PAIRS = 512  # masks that are remembered


@dataclass(frozen=True, slots=True, eq=False)
class Stricter(Gate):
    """A gate and a second one over the same items; labels and what they say are those of the first."""

    second: Gate
    _both: Recent[tuple[int, int], tuple[BoolArray, BoolArray, BoolArray]] = field(
        default_factory=lambda: Recent(_PAIRS), init=False, repr=False
    )

    @classmethod
    def of(cls, first: Gate, second: Gate) -> "Stricter":
        """Both together; ConfigError where they do not know the same items."""
        if list(first.ids) != list(second.ids):
            raise ConfigError("Two gates of different items cannot judge together.")
        return cls(first.clock, first.confirmed, first._court, first._rulings, first._limits, second)

    @property
    def cite(self) -> str:
        """Both policies, as responses and logs name them."""
        return self.policy.cite + BOTH + self.second.cite

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Both policies."""
        return (self.policy, *self.second.policies)

    def check(self, viewer: Viewer, items: IntArray) -> Verdicts:
        """The more restrictive verdict on each item, with its own reason."""
        a, b = Gate.check(self, viewer, items), self.second.check(viewer, items)
        codes = np.maximum(a.codes, b.codes)
        return Verdicts(codes, a.allowed & b.allowed, a.withheld | b.withheld, self.cite, _Witnesses(a, b))

    def limits(self, viewer: Viewer) -> Limits:
        """The narrower of both."""
        a, b = Gate.limits(self, viewer), self.second.limits(viewer)
        creators = _least(a.max_per_creator, b.max_per_creator)
        return Limits(a.strict or b.strict, creators, _least(a.max_per_topic, b.max_per_topic), a.topic)

    def signals(self, viewer: Viewer) -> Signals | None:
        """What a minor is told by either: the curfew of any, the earlier pause."""
        told = [one for one in (Gate.signals(self, viewer), self.second.signals(viewer)) if one is not None]
        if not told:
            return None
        pauses = [one.pause for one in told if one.pause is not None]
        return Signals(any(one.curfew for one in told), min(pauses, default=None))

    def _cached(self, viewer: Viewer, pool: Pool) -> BoolArray:
        a, b = Gate._cached(self, viewer, pool), self.second._cached(viewer, pool)

        def both() -> tuple[BoolArray, BoolArray, BoolArray]:
            mask = a & b
            mask.flags.writeable = False
            return a, b, mask

        # The arrays of the key are kept alive by the value, so that their ids stay their own.
        return self._both.get((id(a), id(b)), both)[2]


@dataclass(frozen=True, slots=True, eq=False)
class _Witnesses(Witness):
    first: Verdicts
    second: Verdicts

    def explain(self, place: int) -> Finding:
        milder = self.first.codes[place] < self.second.codes[place]
        return (self.second if milder else self.first).findings[place]

    def told(self, place: int) -> tuple[str, ...]:
        notices = (self.first.notices()[place], self.second.notices()[place])
        return tuple(dict.fromkeys(name for one in notices if one is not None for name in one.labels))


def _least(a: int | None, b: int | None) -> int | None:
    return min((one for one in (a, b) if one is not None), default=None)
