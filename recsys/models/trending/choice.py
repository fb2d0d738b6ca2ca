"""How ``trending`` chooses on a holdout what it was not told."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recsys.dataset.data import Holdout
from recsys.models.one_ranking import Asked, best_half_life
from recsys.models.trending.log import Log
from recsys.models.trending.model import Counts
from recsys.models.trending.recipe import Trending
from recsys.models.trending.segments import territory
from recsys.types import BoolArray, IntArray

MINUTE, HOUR = 1 / 1_440, 1 / 24  # days
HALF_LIVES = (
    *(36_500.0, 365.0, 90.0, 30.0, 14.0, 7.0, 4.0, 2.0, 1.0),  # days, long first: of equals it forgets the least
    *(
        12 * HOUR,
        6 * HOUR,
        4 * HOUR,
        2 * HOUR,
        HOUR,
        30 * MINUTE,
        15 * MINUTE,
        10 * MINUTE,
        5 * MINUTE,
        3 * MINUTE,
        2 * MINUTE,
    ),
)
NEVER = 1e9  # events: at this shrinkage no territory goes its own way
SHRINKAGES = (100_000.0, 30_000.0, 10_000.0, 3_000.0, 1_000.0, 300.0, 100.0, 30.0)

Gains = NDArray[np.float64]  # (queries,)


def chosen(recipe: Trending, log: Log, holdout: Holdout) -> Trending:
    """``recipe`` with the open fields that this log and holdout can tell filled in, one after the other, by NDCG@10.

    A segment's own setting is kept only where it is better than the common one by more than the standard error of the
    difference, query by query.
    """
    if not np.isnan(log.at):
        if recipe.half_life_days is None:
            recipe = recipe.model_copy(update={"half_life_days": _half_life(recipe, log, holdout)})
        if recipe.by_media_type is None and len(log.media_types) > 1:
            own = [(name, _own_half_life(recipe, name, log, holdout)) for name in log.ample]
            pairs = tuple((name, days) for name, days in own if days is not None)
            recipe = recipe.model_copy(update={"by_media_type": pairs})
    if recipe.shrinkage is None and log.territories:
        recipe = recipe.model_copy(update={"shrinkage": _shrinkage(recipe, log, holdout)})
    return recipe


def _half_life(recipe: Trending, log: Log, holdout: Holdout) -> float:
    """The common one, by everyone's ranking."""
    asked = Asked.of(holdout.truth, holdout.exclude)
    counts = (log.everyone(log.half_lives(recipe.model_copy(update={"half_life_days": days}))) for days in HALF_LIVES)
    return best_half_life(HALF_LIVES, np.stack([asked.gains(found.scores(0, NEVER)) for found in counts]))


def _own_half_life(recipe: Trending, name: str, log: Log, holdout: Holdout) -> float | None:
    """Of one media type, by the ranking of its works alone; None where the common one is as good.

    In a list of everything, what few people ask for has no place, and its half-life would not matter.
    """
    inside = log.media == log.media_types.index(name)  # (items,)
    asked = _asked_of(holdout, inside)
    if not len(asked):
        return None
    part = log.only(inside)

    def gains(days: float) -> Gains:
        return asked.gains(part.everyone(np.full(log.n_items, days)).scores(0, NEVER))

    best = _best(gains(recipe.half_life(name)), [gains(days) for days in HALF_LIVES])
    return None if best is None else HALF_LIVES[best]


def _asked_of(holdout: Holdout, inside: BoolArray) -> Asked:
    """The queries that want some of the items ``inside`` (items,), and only those."""
    truth = [wanted[inside[wanted]] for wanted in holdout.truth]
    return _some(truth, holdout.exclude, [place for place, wanted in enumerate(truth) if len(wanted)])


def _shrinkage(recipe: Trending, log: Log, holdout: Holdout) -> float:
    """The best of the candidates by the queries of the territories; everyone's ranking where none is clearly better."""
    counts = log.counts(log.half_lives(recipe))
    where = [territory(query.profile, query.context) for query in holdout.queries]
    asked = []
    for row, name in enumerate(log.territories, 1):
        places = [place for place, own in enumerate(where) if own == name]
        if places:
            asked.append((row, _some(holdout.truth, holdout.exclude, places)))
    if not asked:
        return NEVER
    best = _best(_local(counts, asked, NEVER), [_local(counts, asked, shrinkage) for shrinkage in SHRINKAGES])
    return NEVER if best is None else SHRINKAGES[best]


def _some(truth: Sequence[IntArray], exclude: Sequence[IntArray], places: Sequence[int]) -> Asked:
    return Asked.of([truth[place] for place in places], [exclude[place] for place in places])


def _local(counts: Counts, asked: Sequence[tuple[int, Asked]], shrinkage: float) -> Gains:
    return np.concatenate([own.gains(counts.scores(row, shrinkage)) for row, own in asked])


def _best(base: Gains, choices: Sequence[Gains]) -> int | None:
    """The best choice; None where it beats ``base`` by no more than the standard error of the difference."""
    best = int(np.argmax([choice.mean() for choice in choices]))
    difference = choices[best] - base
    clear = difference.mean() > difference.std() / np.sqrt(len(difference))
    return best if clear else None
