"""Exploration with known propensities: the last places of a list are now and then drawn instead of chosen."""

import numpy as np

from recsys.rerank.greedy import Values
from recsys.rerank.spec import Exploration
from recsys.types import IntArray


def explore(
    order: IntArray, relevance: Values, k: int, how: Exploration, rng: np.random.Generator
) -> tuple[IntArray, Values]:
    """A new order of the pool, and the propensity (pool,) of the item at each of its places.

    ``order`` (pool,) are places of the pool, ``relevance`` (pool,) is by place of the pool. Up to place ``k - slots``
    and behind ``k`` the order stays. In between, with probability epsilon the item is drawn from all that is left of
    the pool, by softmax of relevance over temperature (Plackett-Luce), else it is the first that is left. An item that
    is drawn moves up; nothing falls out.

    A propensity is the probability of the item at its place given the items before it:
    ``(1 - epsilon) · [it is the first that is left] + epsilon · softmax``, and 1 where nothing is drawn. Their product
    is the probability of the list; with one slot each is the marginal one too. No item of the pool has propensity 0
    at a place that is drawn, so that inverse propensity estimates of another policy are unbiased.
    """
    left = order.tolist()
    done: list[int] = []
    propensity = np.ones(len(order))
    start, end = max(0, k - how.slots), min(k, len(order))
    done, left = left[:start], left[start:]
    for place in range(start, end):
        chance = how.epsilon * _softmax(relevance[left] / how.temperature)
        chance[0] += 1 - how.epsilon
        drawn = min(int(np.searchsorted(chance.cumsum(), rng.random(), side="right")), len(left) - 1)
        propensity[place] = chance[drawn]
        done.append(left.pop(drawn))
    return np.array([*done, *left], np.int32), propensity


def _softmax(logits: Values) -> Values:
    raised = np.exp(logits - logits.max())
    shares: Values = raised / raised.sum()
    return shares
