"""Accuracy by segment: a better mean must not hide a group that loses."""

from pydantic import Field, PositiveFloat, PositiveInt

from recsys.evaluate import compare
from recsys.metrics import Interval
from training.gate.check import Check, Finding, register
from training.gate.evidence import Evidence
from training.promotion import told

ALL = "all"


@register("segments")
class Segments(Check):
    """No group of at least ``min_queries`` may have its paired upper bound against the champion below ``at_least``."""

    at_least: PositiveFloat = 0.95
    min_queries: PositiveInt = 100
    kinds: tuple[str, ...] = Field((), description="only groups of these kinds (``history`` of ``history=1-4``)")

    def find(self, evidence: Evidence) -> Finding:
        if evidence.champion_test is None:
            return Finding.unknown("There is no champion to compare groups with.")
        groups = [name for name in evidence.test.groups if self._judged(name, evidence)]
        if not groups:
            return Finding.unknown(f"No group has {self.min_queries} queries.")
        found = {name: _paired(evidence, name) for name in groups}
        worst = min(found, key=lambda name: found[name].high)
        failed = [name for name in groups if not found[name].high >= self.at_least]
        sentence = f"Worst of {len(groups)} groups is {worst} with {told(found[worst])} of the champion."
        if failed:
            sentence = "For certain worse than the champion: " + _list(failed, found) + "."
        return Finding.of(not failed, sentence, found[worst].high, self.at_least)

    def _judged(self, group: str, evidence: Evidence) -> bool:
        wanted = not self.kinds or group.partition("=")[0] in self.kinds
        return group != ALL and wanted and int(evidence.test.groups[group].sum()) >= self.min_queries


def _paired(evidence: Evidence, group: str) -> Interval:
    champion = evidence.champion_test
    assert champion is not None  # noqa: S101 -- ``find`` has looked
    return compare(evidence.test, champion, evidence.metric, seed=evidence.seed, group=group)


def _list(groups: list[str], found: dict[str, Interval]) -> str:
    return ", ".join(f"{name} {told(found[name])}" for name in groups[:5]) + (", …" if len(groups) > 5 else "")
