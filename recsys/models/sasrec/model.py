"""The fitted transformer: a query is encoded in numpy, without torch, in some tenths of a millisecond."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from recsys.errors import BundleError
from recsys.models.files import load_arrays, save_arrays, save_codes
from recsys.models.fold_in import FoldInModel, heard
from recsys.models.recipe import Recipe, load_recipe, save_recipe
from recsys.models.sasrec.forward import PARTS, Block, newest, unit
from recsys.models.sasrec.gaps import gap_steps
from recsys.types import BoolArray, FloatArray, IntArray, Query, TimeArray


@dataclass(frozen=True, eq=False)
class Tables:
    """What is saved beside the blocks."""

    items: FloatArray  # (items, d) what is recommended
    places: FloatArray  # (max_history, d) what a place adds to an event, 0 the newest
    gaps: FloatArray  # (steps, d) what the gap to the next event adds; no rows where the log had no times
    norm: FloatArray  # (2, d) scale and shift of what is asked for
    heard: BoolArray  # (items,) had an event: counts in a history
    known: BoolArray  # (items,) had an event or has content: is recommended


class SASRecModel(FoldInModel):
    """Scores are unnormalised log-odds within a query: inner products of what it asks for and the items."""

    def __init__(self, recipe: Recipe, blocks: tuple[Block, ...], heads: int, tables: Tables) -> None:
        super().__init__(recipe, tables.items, tables.known)
        self.blocks = blocks
        self.heads = heads
        self.tables = tables

    def vectors(self, queries: Sequence[Query]) -> tuple[FloatArray, BoolArray]:
        """(queries, d) what is asked for after each history; (queries,) whether it has an item that had an event."""
        rows = np.zeros((len(queries), self.factors.shape[1]), np.float32)
        answers = np.zeros(len(queries), np.bool_)
        for at, query in enumerate(queries):
            inside = heard(query.items, self.tables.heard)
            answers[at] = inside.any()
            if answers[at]:
                rows[at] = self._encode(query.items[inside], query.times[inside], query.at)
        return rows, answers

    def save(self, folder: Path) -> None:
        stacked = {part: np.stack([getattr(block, part) for block in self.blocks]) for part in PARTS}
        save_arrays(folder, **vars(self.tables), **stacked)
        save_codes(folder, self.searched)
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
        tables = Tables(*load_arrays(folder, *(field.name for field in fields(Tables))))
        return cls(recipe, blocks, heads, tables).mapped(folder)

    def _encode(self, items: IntArray, times: TimeArray, at: float) -> FloatArray:
        """(d,) of known ``items`` (events,), oldest first."""
        tables = self.tables
        items, times = items[-len(tables.places) :], times[-len(tables.places) :]
        x = tables.items[items] * np.float32(np.sqrt(tables.items.shape[1]))  # (events, d)
        x += tables.places[len(items) - 1 :: -1]
        if len(tables.gaps):
            x += tables.gaps[gap_steps(times, np.append(times[1:], at))]
        asked: FloatArray = unit(newest(x, self.blocks, self.heads)) * tables.norm[0] + tables.norm[1]
        return asked
