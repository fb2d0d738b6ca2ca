"""Whether a log is news: whether what is read now was not there a day ago."""

from collections.abc import Sequence

import numpy as np

from recsys.dataset.data import Dataset
from recsys.models.recipe import FitContext, Model
from recsys.models.session import Session

NEWEST = 0.1  # of the liked events are looked at
YOUNG = 2.0  # days since its first event, at the median: below it a log is news


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


def with_session(sources: Sequence[Model], data: Dataset, where: str, ctx: FitContext) -> tuple[Model, ...]:
    """``sources`` and the ``session`` source ``first``, ``behind`` all models but the fallback, or ``off``.

    ``auto`` is first for news and off elsewhere, where models fill the lists and nothing would be left for it.
    """
    place = ("first" if is_news(data) else "off") if where == "auto" else where
    if place == "off":
        return tuple(sources)
    session = ctx.fit(Session(), data)
    return (session, *sources) if place == "first" else (*sources[:-1], session, sources[-1])
