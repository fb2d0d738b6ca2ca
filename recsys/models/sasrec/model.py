"""The fitted transformer: a query is encoded in numpy, without torch, in some tenths of a millisecond."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from recsys.errors import BundleError
from recsys.models.files import load_arrays, save_arrays
from recsys.models.recipe import Recipe, load_recipe, save_recipe
from recsys.models.sasrec.forward import PARTS, Block, newest, unit
from recsys.models.sasrec.gaps import gap_steps
from recsys.retrieval import dot_scores, top_vectors
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked, TimeArray

_ARRAYS = ("items", "places", "gaps", "norm", "heard", "known")


@dataclass(frozen=True, eq=False)
class SASRecModel:
    """Scores are unnormalised log-odds within a query: inner products of what it asks for and the items."""

    recipe: Recipe
    blocks: tuple[Block, ...]
    heads: int
    items: FloatArray  # (items, d) what is recommended
    places: FloatArray  # (max_history, d) what a place adds to an event, 0 the newest
    gaps: FloatArray  # (steps, d) what the gap to the next event adds; no rows where the log had no times
    norm: FloatArray  # (2, d) scale and shift of what is asked for
    heard: BoolArray  # (items,) had an event: counts in a history
    known: BoolArray  # (items,) had an event or has content: is recommended

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The items closest to what each query asks for, by inner product."""
        vectors, answers = self.encode(queries)
        source, able = self.recipe.name, allowed & self.known
        lists = top_vectors(vectors, self.items, n, able, exclude, source, longest=self._longest)
        nothing = Ranked(np.zeros(0, np.int32), np.zeros(0, np.float32), source)
        return [found if answer else nothing for found, answer in zip(lists, answers, strict=True)]

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        vectors, answers = self.encode(queries)
        scores = dot_scores(vectors, self.items[items])  # (queries, items)
        scores[~answers] = -np.inf
        scores[:, ~self.known[items]] = -np.inf
        return scores

    def encode(self, queries: Sequence[Query]) -> tuple[FloatArray, BoolArray]:
        """(queries, d), each encoded by itself so that it is the same in any batch, and which have a known item."""
        rows = np.zeros((len(queries), self.items.shape[1]), np.float32)
        answers = np.zeros(len(queries), np.bool_)
        for at, query in enumerate(queries):
            inside = query.items < len(self.heard)
            inside[inside] = self.heard[query.items[inside]]
            answers[at] = inside.any()
            if answers[at]:
                rows[at] = self._encode(query.items[inside], query.times[inside], query.at)
        return rows, answers

    def save(self, folder: Path) -> None:
        stacked = {part: np.stack([getattr(block, part) for block in self.blocks]) for part in PARTS}
        save_arrays(folder, **{name: getattr(self, name) for name in _ARRAYS}, **stacked)
        save_recipe(self.recipe, folder)

    @classmethod
    def load(cls, folder: Path) -> "SASRecModel":
        """Map what ``save`` wrote; raises BundleError where it is incomplete."""
        recipe = load_recipe(folder)
        heads = getattr(recipe, "heads", None)
        if heads is None:
            raise BundleError(f"{folder} holds a {recipe.name}, not a sasrec; publish the bundle again.")
        stacked = load_arrays(folder, *PARTS)
        blocks = tuple(Block(*parts) for parts in zip(*stacked, strict=True))
        return cls(recipe, blocks, heads, *load_arrays(folder, *_ARRAYS))

    @cached_property
    def _longest(self) -> float:
        """An upper bound of the norms of ``items``."""
        return float(np.sqrt(np.einsum("ij,ij->i", self.items, self.items).max(initial=0.0))) * 1.0001

    def _encode(self, items: IntArray, times: TimeArray, at: float) -> FloatArray:
        """(d,) of known ``items`` (events,), oldest first."""
        items, times = items[-len(self.places) :], times[-len(self.places) :]
        x = self.items[items] * np.float32(np.sqrt(self.items.shape[1]))  # (events, d)
        x += self.places[len(items) - 1 :: -1]
        if len(self.gaps):
            x += self.gaps[gap_steps(times, np.append(times[1:], at))]
        asked: FloatArray = unit(newest(x, self.blocks, self.heads)) * self.norm[0] + self.norm[1]
        return asked
