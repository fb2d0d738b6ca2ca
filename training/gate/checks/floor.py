"""Against the popular floor."""

from pydantic import PositiveFloat

from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence


@register("floor")
class Floor(Check):
    """The ratio to decayed popularity with its best half-life.

    The first model is not held back by it unless ``first`` says so: there is nothing better to serve.
    """

    at_least: PositiveFloat = 1.0
    first: bool = False

    def find(self, evidence: Evidence) -> Finding:
        ratio = evidence.over_floor.ratio
        told = f"It makes {ratio:.3f}× of the popular floor in {evidence.metric}"
        if evidence.champion is None and not self.first and not ratio >= self.at_least:
            return Finding.of(True, f"{told}; the first model is not held back by that.", ratio, self.at_least)
        return Finding.of(ratio >= self.at_least, f"{told}.", ratio, self.at_least)
