"""Small trees scored together: every split of every tree at once, and a table in place of the walk from root to leaf.

A tree of four leaves has three splits, so their outcomes are three bits, and those of two trees index a table of the
sums of their leaves (after Lucchese et al. 2015, QuickScorer). Scores are those of walking each tree, added in another
order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.types import FloatArray

_SPLITS = 3  # of one tree at most
_TOGETHER = 2  # trees that share a table
_BITS = _SPLITS * _TOGETHER
_BINS = 255  # thresholds of one feature at most


@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of a booster; a row's score does not depend on the other rows."""

    thresholds: tuple[NDArray[np.float64], ...]  # by feature, ascending
    feature: NDArray[np.int64]  # (bits, tables) which feature a split looks at
    rank: NDArray[np.uint8]  # (bits, tables) and at most which of its thresholds passes
    leaves: NDArray[np.float64]  # (tables, 2 ** bits)

    @classmethod
    def of(cls, dump: Mapping[str, Any]) -> "Forest | None":
        """The trees of ``Booster.dump_model``; None where one of them is larger or another kind of split."""
        roots = [tree["tree_structure"] for tree in dump["tree_info"]]
        splits = [_splits(root) for root in roots]
        if any(len(own) > _SPLITS or not all(map(_plain, own)) for own in splits):
            return None
        features = int(dump["max_feature_idx"]) + 1
        met: list[set[float]] = [set() for _ in range(features)]
        for split in (split for own in splits for split in own):
            met[split["split_feature"]].add(split["threshold"])
        if not roots or max(map(len, met)) > _BINS:
            return None
        thresholds = tuple(np.array(sorted(own), np.float64) for own in met)
        groups = [range(start, min(start + _TOGETHER, len(roots))) for start in range(0, len(roots), _TOGETHER)]
        feature = np.zeros((_BITS, len(groups)), np.int64)
        rank = np.full((_BITS, len(groups)), _BINS, np.uint8)  # passes always
        leaves = np.zeros((len(groups), 2**_BITS))
        for at, group in enumerate(groups):
            for place, tree in enumerate(group):
                for bit, split in enumerate(splits[tree], place * _SPLITS):
                    feature[bit, at] = split["split_feature"]
                    rank[bit, at] = np.searchsorted(thresholds[split["split_feature"]], split["threshold"])
                leaves[at] += _table(roots[tree], splits[tree], place * _SPLITS)
        return cls(thresholds, feature, rank, leaves)

    def score(self, rows: FloatArray) -> NDArray[np.float64]:
        """(rows,) of finite features (rows, features)."""
        bins = np.empty((len(self.thresholds), len(rows)), np.uint8)  # how many thresholds lie below each value
        for own, values, met in zip(bins, rows.T.astype(np.float64), self.thresholds, strict=True):
            own[:] = np.searchsorted(met, values)
        codes = np.zeros((len(self.leaves), len(rows)), np.uint8)
        for bit, (feature, rank) in enumerate(zip(self.feature, self.rank, strict=True)):
            codes |= (bins[feature] <= rank[:, None]).view(np.uint8) << np.uint8(bit)
        places = codes.astype(np.intp)
        places += np.arange(len(self.leaves))[:, None] * 2**_BITS
        scores: NDArray[np.float64] = np.add.reduce(self.leaves.ravel().take(places), axis=0)
        return scores


def _splits(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The splits below a node, itself first."""
    if "split_feature" not in node:
        return []
    return [node, *_splits(node["left_child"]), *_splits(node["right_child"])]


def _plain(split: Mapping[str, Any]) -> bool:
    return bool(split["decision_type"] == "<=" and split["missing_type"] == "None")


def _table(root: Mapping[str, Any], splits: Sequence[Mapping[str, Any]], shift: int) -> NDArray[np.float64]:
    """(2 ** bits,) the leaf that each outcome of the splits leads to; they are the bits from ``shift`` on."""
    place = {id(split): at for at, split in enumerate(splits)}
    leaf = np.empty(2 ** len(splits))
    for outcome in product((0, 1), repeat=len(splits)):
        node = root
        while "split_feature" in node:
            node = node["left_child" if outcome[place[id(node)]] else "right_child"]
        leaf[sum(bit << at for at, bit in enumerate(outcome))] = node["leaf_value"]
    codes = np.arange(2**_BITS)
    found: NDArray[np.float64] = leaf[(codes >> shift) & (2 ** len(splits) - 1)]
    return found
