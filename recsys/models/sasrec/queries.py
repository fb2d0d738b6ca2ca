"""The histories of queries side by side, as validation asks them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from recsys.models.sasrec.encoder import Tokens
from recsys.models.sasrec.gaps import gap_steps
from recsys.nn.packing import Index
from recsys.types import BoolArray, Query


def packed(queries: Sequence[Query], known: BoolArray, max_history: int) -> tuple[Tokens, Tensor]:
    """The ``max_history`` newest events of each query with ``known`` (items,) items, and how many those are."""
    kept = [_known(query, known, max_history) for query in queries]
    length = np.array([len(items) for items, _ in kept], np.int64)
    shape = (len(kept), max(int(length.max(initial=0)), 1))
    item, gap = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, (items, gaps) in enumerate(kept):
        item[row, : len(items)], gap[row, : len(items)] = items, gaps
    place = np.maximum(length[:, None] - 1 - np.arange(shape[1]), 0)
    tokens = Tokens(torch.from_numpy(item), torch.from_numpy(place), torch.from_numpy(gap))
    return tokens, torch.from_numpy(length)


def _known(query: Query, known: BoolArray, max_history: int) -> tuple[Index, Index]:
    """(events,) items and gap steps of what is known of a query, oldest first."""
    own = known[query.items]
    items, times = query.items[own][-max_history:], query.times[own][-max_history:]
    return items.astype(np.int64), gap_steps(times, np.append(times[1:], query.at)[: len(times)])
