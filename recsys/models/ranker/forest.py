"""Small trees scored together: every split of every tree at once, and a table in place of the walk from root to leaf.

A tree of four leaves has three splits, so their outcomes are three bits, and those of two trees index a table of the
sums of their leaves (after Lucchese et al. 2015, QuickScorer). All splits on one feature are decided by the bin that
its value falls into, so their bits are looked up for all tables at once. Scores are those of walking each tree, added
in another order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.models.loops import CompiledForest
from recsys.types import FloatArray

_SPLITS = 3  # of one tree at most
_TOGETHER = 2  # trees that share a table
_BITS = _SPLITS * _TOGETHER
_BINS = 255  # thresholds of one feature at most
_ROWS = 256  # scored at once: what is looked up for them stays in a processor's cache


@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of a booster; a row's score does not depend on the other rows."""

    thresholds: FloatArray  # (splits,) ascending within a feature, rounded down: no float32 lies between
    first: NDArray[np.int64]  # (features + 1,) where those of a feature begin
    bits: NDArray[np.uint8]  # (splits + features, tables) the splits on a feature that a value in a bin passes
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
        thresholds = [np.array(sorted(own), np.float64) for own in met]
        groups = [range(start, min(start + _TOGETHER, len(roots))) for start in range(0, len(roots), _TOGETHER)]
        bits = [np.zeros((len(own) + 1, len(groups)), np.uint8) for own in thresholds]
        leaves = np.zeros((len(groups), 2**_BITS))
        for at, group in enumerate(groups):
            for place, tree in enumerate(group):
                for bit, split in enumerate(splits[tree], place * _SPLITS):
                    feature = split["split_feature"]
                    rank = int(np.searchsorted(thresholds[feature], split["threshold"]))
                    bits[feature][: rank + 1, at] |= np.uint8(1 << bit)  # a value in such a bin is not above it
                leaves[at] += _table(roots[tree], splits[tree], place * _SPLITS)
        first = np.cumsum([0, *map(len, thresholds)], dtype=np.int64)
        return cls(_rounded_down(np.concatenate(thresholds)), first, np.concatenate(bits), leaves)

    def score(self, rows: FloatArray, last: FloatArray) -> NDArray[np.float64]:
        """(rows,) of finite features (rows, features - 1) and the last one (rows,)."""
        if self._compiled is not None:
            return self._compiled.score(rows, last)
        scores = np.empty(len(rows))
        for start in range(0, len(rows), _ROWS):
            part = slice(start, start + _ROWS)
            scores[part] = self._scored(np.concatenate([rows[part], last[part, None]], axis=1))
        return scores

    @cached_property
    def _compiled(self) -> CompiledForest | None:
        return CompiledForest.of(self.thresholds, self.first, self.bits, self.leaves)

    def _scored(self, rows: FloatArray) -> NDArray[np.float64]:
        codes = np.zeros((len(rows), len(self.leaves)), np.uint8)
        for feature, values in enumerate(np.ascontiguousarray(rows.T, np.float32)):
            begin, end = self.first[feature : feature + 2]
            if end > begin:  # else no split looks at it
                bins = np.searchsorted(self.thresholds[begin:end], values)
                codes |= self.bits[begin + feature : end + feature + 1].take(bins, axis=0)
        places = codes + np.arange(len(self.leaves), dtype=np.intp) * 2**_BITS  # (rows, tables)
        scores: NDArray[np.float64] = np.add.reduce(self.leaves.ravel().take(places), axis=1)
        return scores


def _rounded_down(numbers: NDArray[np.float64]) -> FloatArray:
    """The largest float32 not above each number: a float32 is above the one where it is above the other."""
    found = numbers.astype(np.float32)
    return np.where(found > numbers, np.nextafter(found, np.float32(-np.inf)), found)


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
