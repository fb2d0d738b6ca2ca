"""Whether a log is news: whether what is read now was not there a day ago; and how such a log is split."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from recsys.dataset.data import Dataset
from recsys.dataset.splitspec import SplitSpec
from recsys.models.recipe import FitContext, Model
from recsys.models.session import Session

NEWEST = 0.1  # of the liked events are looked at
YOUNG = 2.0  # days since its first event, at the median: below it a log is news
SLICES = (1, 2, 4, 8, 24)  # hours that a slice may have
ENOUGH = 1_000  # liked events that each slice should have
WINDOWS = 3


def is_news(data: Dataset) -> bool:
    """Whether half of the newest liked events with a time are for works that first had one less than ``YOUNG`` ago."""
    liked = np.asarray(data.positive) & np.isfinite(data.time)
    time, item = np.asarray(data.time)[liked], np.asarray(data.item)[liked]
    if not len(time) or time.max() - time.min() < 4 * YOUNG * 86_400:
        return False  # in a log of a few days everything is young
    first = np.full(data.n_items, np.inf)
    np.minimum.at(first, item, time)
    newest = np.argsort(time, kind="stable")[-max(1, int(NEWEST * len(time))) :]
    return bool(np.median(time[newest] - first[item[newest]]) < YOUNG * 86_400)


def by_the_hour(split: SplitSpec, data: Dataset) -> SplitSpec:
    """How a log is split that the spec leaves to the log: news into three windows of its newest hours.

    A tenth of a news log is days: works of its end are unknown at the cut, and no model could be told from another. A
    slice has the fewest of ``SLICES`` hours in which each holds enough. Everything else stays as the spec says.
    """
    if split.model_copy(update={"seed": 0}) != SplitSpec(windows="auto") or not is_news(data):
        return split
    time = np.asarray(data.time)[np.asarray(data.positive) & np.isfinite(data.time)]
    end = float(time.max())
    for hours in SLICES:
        back = np.arange(WINDOWS + 1, 0, -1) * hours * 3_600.0  # s
        held = np.histogram(time, np.append(end - back, end))[0]
        if held.min() >= ENOUGH:
            newest = datetime.fromtimestamp(end, UTC)
            cuts = tuple(newest - timedelta(seconds=before) for before in back.tolist())
            return SplitSpec(strategy="time", cuts=cuts, windows="auto", seed=split.seed)
    return split


def with_session(sources: Sequence[Model], data: Dataset, where: str, ctx: FitContext) -> tuple[Model, ...]:
    """``sources`` and the ``session`` source ``first``, ``behind`` all models but the fallback, or ``off``.

    ``auto`` is first for news and off elsewhere, where models fill the lists and nothing would be left for it.
    """
    place = ("first" if is_news(data) else "off") if where == "auto" else where
    if place == "off" or isinstance(sources[0].recipe, Session):  # it stands there already: it won
        return tuple(sources)
    session = ctx.fit(Session(), data)
    return (session, *sources) if place == "first" else (*sources[:-1], session, sources[-1])
