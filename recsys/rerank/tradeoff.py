"""What diversity and calibration cost and bring: one curve a weight, over the lists of a holdout.

    some = holdout.drawn(1_000, np.random.default_rng(seed))
    points = tradeoff(model, some, data, content, rerank=spec.rerank, k=10)
    for weight in ("diversity", "calibration"):
        curve = [point for point in points if point.weight == weight]  # by rising value, from 0 to 1

``model`` is the plain one, fitted on ``data``. Plot ``ndcg`` against ``diversity`` for the first curve and against
``miscalibration`` for the second; the point at value 0 is the list as it is ranked. ``_asdict()`` gives plain values.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsys.content import ContentSpace
from recsys.dataset.data import Dataset, Holdout
from recsys.metrics import coverage, intra_list_diversity, item_features, mean_ndcg
from recsys.models.recipe import Model
from recsys.rerank.calibration import divergence, item_shares
from recsys.rerank.spec import Rerank
from recsys.rerank.stage import Pool, Reranker
from recsys.types import IntArray, Query, Ranked

VALUES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_CHUNK = 256  # queries asked at once


class Point(NamedTuple):
    """Lists of ``k`` under one weight, the other being 0; NaN where there is nothing to measure."""

    weight: str  # "diversity" or "calibration"
    value: float  # 0..1
    ndcg: float
    diversity: float  # mean over lists of the mean pairwise 1 - cosine of genres, tags, authors and attributes
    miscalibration: float  # mean divergence of lists from their histories, in nats
    coverage: float  # share of the catalogue in at least one list


def tradeoff(
    model: Model,
    holdout: Holdout,
    data: Dataset,
    content: ContentSpace | None,
    *,
    rerank: Rerank | None = None,
    k: int = 10,
    values: Sequence[float] = VALUES,
) -> list[Point]:
    """A point for each weight and value, over all queries of ``holdout``.

    Of ``rerank`` count its pool and its calibrated field. The model is asked once; its lists are then reranked for
    every point.
    """
    spec = rerank or Rerank()
    settings = [(value, 0.0) for value in values] + [(0.0, value) for value in values]  # diversity, calibration
    top = np.full((len(settings), len(holdout), k), -1, np.int32)
    errors = np.full((len(settings), len(holdout)), np.nan)
    vectors = None if content is None else content.vectors
    reranker = Reranker(spec, vectors, item_shares(data.catalogue, spec.calibration.field))
    for row, (query, ranked) in enumerate(_lists(model, holdout, data.n_items, max(spec.pool, k))):
        pool = reranker.pool(ranked.scores, ranked.items, query)
        for at, (diversity, calibration) in enumerate(settings):
            chosen = pool.order(k, diversity=diversity, calibration=calibration)[:k]
            top[at, row, : len(chosen)] = ranked.items[chosen]
            errors[at, row] = _error(pool, chosen)
    features = item_features(data.catalogue)
    names = ["diversity"] * len(values) + ["calibration"] * len(values)
    return [
        Point(
            name,
            max(setting),
            mean_ndcg(shown, holdout.truth, k),
            intra_list_diversity(shown, features),
            _mean(error),
            coverage(shown, data.n_items),
        )
        for name, setting, shown, error in zip(names, settings, top, errors, strict=True)
    ]


def _lists(model: Model, holdout: Holdout, n_items: int, n: int) -> Iterator[tuple[Query, Ranked]]:
    allowed = np.ones(n_items, np.bool_)
    for start in range(0, len(holdout), _CHUNK):
        part = slice(start, start + _CHUNK)
        asked = holdout.queries[part]
        yield from zip(asked, model.top(asked, n, allowed, holdout.exclude[part]), strict=True)


def _error(pool: Pool, chosen: IntArray) -> float:
    if pool.target is None or pool.shares is None or len(chosen) == 0:
        return float("nan")
    return divergence(pool.target, pool.shares[chosen].mean(axis=0))


def _mean(errors: NDArray[np.float64]) -> float:
    known = errors[~np.isnan(errors)]
    return float(known.mean()) if len(known) else float("nan")
