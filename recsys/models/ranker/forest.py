"""Small trees scored together: every split of every tree at once, and a table in place of the walk from root to leaf.

A tree of four leaves has three splits, so their outcomes are three bits, and those of two trees index a table of the
sums of their leaves (after Lucchese et al. 2015, QuickScorer). All splits on one feature are decided by the bin that
its value falls into, so their bits are looked up for all tables at once. Scores are those of walking each tree, added
in another order.
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
_ROWS = 256  # scored at once: what is looked up for them stays in a processor's cache


@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of a booster; a row's score does not depend on the other rows."""

    thresholds: tuple[NDArray[np.float64], ...]  # by feature, ascending
    bits: tuple[NDArray[np.uint8], ...]  # by feature: (bins, tables) the splits on it that a value in a bin passes
    leaves: NDArray[np.float64]  # (tables * 2 ** bits,)
    starts: NDArray[np.intp]  # (tables,) where each table begins

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
        bits = tuple(np.zeros((len(own) + 1, len(groups)), np.uint8) for own in thresholds)
        leaves = np.zeros((len(groups), 2**_BITS))
        for at, group in enumerate(groups):
            for place, tree in enumerate(group):
                for bit, split in enumerate(splits[tree], place * _SPLITS):
                    feature = split["split_feature"]
                    rank = int(np.searchsorted(thresholds[feature], split["threshold"]))
                    bits[feature][: rank + 1, at] |= np.uint8(1 << bit)  # a value in such a bin is not above it
                leaves[at] += _table(roots[tree], splits[tree], place * _SPLITS)
        return cls(thresholds, bits, leaves.ravel(), np.arange(len(groups), dtype=np.intp) * 2**_BITS)

    def score(self, rows: FloatArray) -> NDArray[np.float64]:
        """(rows,) of finite features (rows, features)."""
        scores = np.empty(len(rows))
        for start in range(0, len(rows), _ROWS):
            part = slice(start, start + _ROWS)
            scores[part] = self._scored(rows[part])
        return scores

    def _scored(self, rows: FloatArray) -> NDArray[np.float64]:
        codes = np.zeros((len(rows), len(self.starts)), np.uint8)
        for values, met, bits in zip(rows.T.astype(np.float64), self.thresholds, self.bits, strict=True):
            if len(met):  # else no split looks at it
                codes |= bits.take(np.searchsorted(met, values), axis=0)
        places = codes + self.starts  # (rows, tables)
        scores: NDArray[np.float64] = np.add.reduce(self.leaves.take(places), axis=1)
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
