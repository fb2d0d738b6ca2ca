"""Choosing without a holdout of time: some items are set aside whole, as new ones would come."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from recsys.metrics.accuracy import mean_ndcg, top_matrix
from recsys.models.content_ridge.closed import Relations, taste
from recsys.retrieval import top_k
from recsys.types import BoolArray

if TYPE_CHECKING:
    from recsys.models.content_ridge.recipe import ContentRidge

_ASIDE = 0.2  # of the known items
_ASKED = 1_000  # users
_PLACES = 20
_LEAST = 10  # known items: with fewer there is nothing to set aside


def chosen(
    options: Sequence["ContentRidge"],
    relations: Relations,
    features: sp.csr_matrix,
    known: BoolArray,
    rng: np.random.Generator,
) -> "ContentRidge":
    """The option that ranks items set aside best for those who liked them; the first of equals."""
    size = int(known.sum())
    aside = np.sort(rng.choice(size, int(_ASIDE * size), replace=False))
    kept = np.setdiff1d(np.arange(size), aside).astype(np.int32)
    liked = relations.events[:, aside]
    able = np.flatnonzero((np.diff(liked.indptr) > 0) & (np.diff(relations.events[:, kept].indptr) > 0))
    if size < _LEAST or len(options) == 1 or len(able) == 0:
        return options[0]
    asked = np.sort(rng.choice(able, min(_ASKED, len(able)), replace=False))
    histories, own = relations.events[asked][:, kept], features[np.flatnonzero(known)]
    truth = [np.sort(row.indices).astype(np.int32) for row in liked[asked]]
    part, nothing = relations.among(kept), [np.zeros(0, np.int32)] * len(asked)
    quality = []
    for option in options:
        fitted = taste(option, part, own[kept])
        tastes = histories @ fitted.matrix + fitted.everyone  # (asked, features or kept)
        if fitted.through:
            tastes = tastes @ own[kept]
        scores = np.asarray(own[aside] @ tastes.T, np.float32).T  # (asked, aside)
        lists = top_k(np.ascontiguousarray(scores), _PLACES, np.ones(len(aside), np.bool_), nothing, "")
        quality.append(mean_ndcg(top_matrix(lists, _PLACES), truth, _PLACES))
    return options[int(np.argmax(quality))]
