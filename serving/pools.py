"""What may be seen, as arrays over all items, and what of it fills a list where its sources run out."""

import numpy as np

from recsys.bundle import Bundle
from recsys.types import BoolArray, IntArray, query

POPULAR = "popular"


def by_popularity(bundle: Bundle, n: int) -> IntArray:
    """(n,) every item, most popular first as far as a source of the bundle knows; those behind its catalogue last."""
    size = len(bundle.catalogue)
    popular = next((one for one in bundle.pipeline.sources if one.recipe.name == POPULAR), None)
    known = np.arange(size, dtype=np.int32)
    if popular is not None and size:
        known = np.argsort(-popular.score([query()], known)[0], kind="stable").astype(np.int32)
    return np.concatenate([known, np.arange(size, n, dtype=np.int32)])


def filling(order: IntArray, mask: BoolArray, cleared: BoolArray) -> IntArray:
    """Of the items in this order those of ``mask``, the cleared pool first."""
    order = order[mask[order]]
    first = cleared[order]
    return np.concatenate([order[first], order[~first]])


def without(mask: BoolArray, excluded: IntArray) -> BoolArray:
    """(items,) the mask less some items; read-only."""
    left = mask.copy()
    left[excluded] = False
    left.flags.writeable = False
    return left
