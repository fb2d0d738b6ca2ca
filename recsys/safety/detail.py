"""Why one item has its verdict: every finding in the order of precedence, item by item."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from recsys.safety.bench import Bench
from recsys.safety.columns import Columns, Labels
from recsys.safety.court import Court
from recsys.safety.judge import Ruling
from recsys.safety.takedown import bites
from recsys.safety.verdict import (
    AGE,
    EMBARGO,
    ERROR,
    TAKEDOWN,
    TERRITORY,
    WINDOW,
    WITHHELD,
    Finding,
    Verdict,
)

_Found = tuple[Verdict, str, Ruling | None]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A check: what is there, for whom, when."""

    court: Court
    bench: Bench
    now: float  # s UTC


def told(item: int, scene: Scene) -> tuple[str, ...]:
    """The labels that a viewer is told of, of all packs."""
    read = scene.court.columns
    marks = read.mark_sets[read.mark_set[item]]
    return tuple(dict.fromkeys(name for chair in scene.bench.chairs for name in chair.ruling(marks, scene.now).notice))


def finding(item: int, scene: Scene) -> Finding:
    """The most restrictive finding on an item, of equals the first in the order of precedence."""
    court, cite = scene.court, scene.court.policy.cite
    if not 0 <= item < len(court.columns) or not math.isfinite(scene.now):
        return Finding(Verdict.HOLD, ERROR, cite)
    verdict, reason, ruling = max(_findings(item, scene), key=lambda found: found[0])
    mark = None if ruling is None else ruling.mark
    if mark is None:
        return Finding(verdict, reason, cite)
    return Finding(
        verdict,
        reason,
        cite,
        label=mark.label,
        score=_score(court.said.labels, court.columns.ids[item], mark.label),
        source=mark.source,
        term=mark.term or None,
        list_id=mark.list_id or None,
        rule=None if mark.rule < 0 else court.policy.rule_id(mark.rule),
    )


def _findings(item: int, scene: Scene) -> Iterator[_Found]:
    read, bench, now = scene.court.columns, scene.bench, scene.now
    place = bench.view.territory
    places = scene.court.orders.get(read.ids[item])
    if places and bites(places, place):
        yield Verdict.TAKEDOWN, TAKEDOWN if None in places else WITHHELD, None
    if not all(chair.sold(read.territory_sets[read.territory_set[item]]) for chair in bench.chairs):
        yield Verdict.BLOCK, TERRITORY, None
    right = read.right_sets[read.right_set[item]]
    if not read.opens[item] <= now < read.closes[item] or not scene.court.openings.open(right, place, now):
        yield Verdict.BLOCK, WINDOW, None
    if now < read.lifts[item]:
        yield Verdict.BLOCK, EMBARGO, None
    yield from _judged(item, read, bench, now)
    if bench.closed:
        yield Verdict.HOLD, bench.closed, None
    if not read.sound[item]:
        yield Verdict.HOLD, ERROR, None


def _judged(item: int, read: Columns, bench: Bench, now: float) -> Iterator[_Found]:
    """Ages, ratings and labels; the ages first, those of all packs."""
    rulings = [chair.ruling(read.mark_sets[read.mark_set[item]], now) for chair in bench.chairs]
    ratings = [chair.rating(read.rated_sets[read.rated_set[item]]) for chair in bench.chairs]
    for chair, ruling, rating in zip(bench.chairs, rulings, ratings, strict=True):
        if max(int(read.min_age[item]), ruling.min_age, rating[2]) > chair.view.age:
            yield Verdict.BLOCK, AGE, None
    for rating in ratings:
        yield rating[0], rating[1], None
    for ruling in rulings:
        yield ruling.verdict, ruling.reason, ruling


def _score(labels: Labels, item: str, name: str) -> float | None:
    """The highest score with which the label was given."""
    given = [one.score for one in labels.get(item, ()) if one.label == name and one.score is not None]
    return max(given, default=None)
