"""The fitted towers: a query is encoded in numpy, without torch, in some ten microseconds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from recsys.errors import BundleError
from recsys.models.files import load_arrays, load_vectors, save_arrays, save_codes
from recsys.models.memory import once
from recsys.models.recipe import Recipe, load_recipe, save_recipe
from recsys.models.two_tower.profiles import ProfileTokens
from recsys.retrieval import Vectors, dot_scores
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

_ARRAYS = ("items", "bias", "inputs", "token_vectors", "place_weight", "known")
_PROFILE_FILE = "profile_tokens.json"


@dataclass(frozen=True, eq=False)
class TwoTowerModel:
    """Scores are unnormalised log-odds within a query: inner product of the towers plus the item's bias."""

    recipe: Recipe
    tokens: ProfileTokens
    items: FloatArray  # (items, d) what is recommended
    bias: FloatArray  # (items,)
    inputs: FloatArray  # (items, d) what an item in the history adds to the query
    token_vectors: FloatArray  # (profile tokens + 1, d); the last is every query's
    place_weight: FloatArray  # (max_history,) by place, 0 the newest event
    known: BoolArray  # (items,) False: neither event nor content, so the model abstains

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The items whose vectors lie closest to the query's, by inner product and bias."""
        able = allowed if self._all_known else allowed & self.known
        return self.searched.top(self.encode(queries), n, able, exclude, self.recipe.name, self.bias)

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        scores = dot_scores(self.encode(queries), self.items[items], self.bias[items])
        scores[:, ~self.known[items]] = -np.inf
        return scores

    def encode(self, queries: Sequence[Query]) -> FloatArray:
        """(queries, d), each encoded by itself so that it is the same in any batch."""
        rows = np.empty((len(queries), self.items.shape[1]), np.float32)
        for row, query in zip(rows, queries, strict=True):
            row[:] = once("vector", (self, query), partial(self._encode, query))
        return rows

    def save(self, folder: Path) -> None:
        save_arrays(folder, **{name: getattr(self, name) for name in _ARRAYS})
        save_codes(folder, self.searched)
        (folder / _PROFILE_FILE).write_text(json.dumps(self.tokens.tokens, ensure_ascii=False), encoding="utf-8")
        save_recipe(self.recipe, folder)

    @classmethod
    def load(cls, folder: Path) -> "TwoTowerModel":
        """Map what ``save`` wrote; raises BundleError where it is incomplete."""
        try:
            names = json.loads((folder / _PROFILE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BundleError(f"{folder} holds no readable {_PROFILE_FILE}: {error}; publish it again.") from None
        model = cls(load_recipe(folder), ProfileTokens(tuple(names)), *load_arrays(folder, *_ARRAYS))
        model.__dict__["searched"] = load_vectors(folder, model.items)
        return model

    @cached_property
    def searched(self) -> Vectors:
        """The items' vectors as they are searched."""
        return Vectors.of(self.items)

    @cached_property
    def _all_known(self) -> bool:
        return bool(self.known.all())

    def _encode(self, query: Query) -> FloatArray:
        query = query.last(len(self.place_weight))
        own: FloatArray = self.token_vectors[-1].copy()
        if query.profile:
            own += self.token_vectors[self.tokens.known(query.profile)].sum(axis=0)
        if len(query) == 0:
            return np.asarray(own, np.float32)
        weight = query.weights * self.place_weight[len(query) - 1 :: -1]  # (events,) oldest first
        # scaled by the heaviest, so that tiny or huge weights neither vanish nor overflow
        weight = weight / weight.max()
        own += (weight @ self.inputs[query.items]) / np.sqrt(weight @ weight)
        return np.asarray(own, np.float32)
