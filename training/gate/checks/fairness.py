"""The gap between groups of users."""

from pydantic import Field, PositiveInt

from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence
from training.gate.limits import measured

HISTORY = "history"


@register("fairness")
class Fairness(Check):
    """For each kind of user group, the best group's mean less the worst's, as a share of the mean over all.

    ``kinds`` are parts of group names before the ``=``; left out, all that the log knows of users. How long a history
    is makes no group: it says how hard the query is.
    """

    at_most: float = Field(0.75, ge=0)
    min_queries: PositiveInt = 100
    kinds: tuple[str, ...] = ()

    def find(self, evidence: Evidence) -> Finding:
        whole = measured(evidence.test, evidence.metric)
        kinds = {kind: means for kind, means in self._means(evidence).items() if len(means) > 1}
        gaps = {kind: max(means.values()) - min(means.values()) for kind, means in kinds.items()}
        if not gaps or not whole:
            return Finding.unknown(f"No kind of user group has two groups of {self.min_queries} queries.")
        kind = max(gaps, key=lambda one: gaps[one])
        means = kinds[kind]
        low, high = min(means, key=lambda g: means[g]), max(means, key=lambda g: means[g])
        value = gaps[kind] / whole
        sentence = (
            f"Widest gap in {evidence.metric}: {high} {means[high]:.4f}, {low} {means[low]:.4f}, which is {value:.2f} "
            f"of the mean over all; at most {self.at_most:g} is wanted."
        )
        return Finding.of(value <= self.at_most, sentence, value, self.at_most)

    def _means(self, evidence: Evidence) -> dict[str, dict[str, float]]:
        """Kind -> group -> mean, of groups that are large enough."""
        test = evidence.test
        found: dict[str, dict[str, float]] = {}
        for group, members in test.groups.items():
            kind, mark, _ = group.partition("=")
            wanted = kind in self.kinds if self.kinds else kind != HISTORY and group not in test.per_part
            if wanted and mark and int(members.sum()) >= self.min_queries:
                found.setdefault(kind, {})[group] = test.mean(evidence.metric, group)
        return found
