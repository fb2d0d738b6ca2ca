"""One measured number against a number, and against the champion's."""

import math

from recsys.errors import ConfigError
from recsys.evaluate import Evaluation
from training.gate.check import Finding
from training.gate.evidence import Evidence


def above(evidence: Evidence, metric: str, at_least: float | None, of_champion: float | None) -> Finding:
    """The metric must reach both limits; the one that is harder to reach is told."""
    return _held(evidence, metric, at_least, of_champion, sign=1)


def below(evidence: Evidence, metric: str, at_most: float | None, of_champion: float | None) -> Finding:
    """The metric must stay under both limits; the one that is harder to keep is told."""
    return _held(evidence, metric, at_most, of_champion, sign=-1)


def _held(evidence: Evidence, metric: str, limit: float | None, share: float | None, *, sign: int) -> Finding:
    value = measured(evidence.test, metric)
    if value is None:
        return Finding.unknown(f"{metric} was not measured.")
    rival = None if evidence.champion_test is None else measured(evidence.champion_test, metric)
    limits = [] if limit is None else [limit]
    if share is not None and rival is not None:
        limits.append(share * rival)
    if not limits:
        return Finding.unknown(f"{metric} is {value:.3f}, and there is no champion to hold it against.")
    hardest = max(limits) if sign > 0 else min(limits)
    beside = "" if rival is None else f", the champion's {rival:.3f}"
    words = "at least" if sign > 0 else "at most"
    sentence = f"{metric} is {value:.3f}{beside}; {words} {hardest:.3f} is wanted."
    return Finding.of(sign * value >= sign * hardest, sentence, value, hardest)


def measured(evaluation: Evaluation, metric: str, group: str = "all") -> float | None:
    """A mean, None where it was not measured."""
    try:
        mean = evaluation.mean(metric, group)
    except ConfigError:
        return None
    return mean if math.isfinite(mean) else None
