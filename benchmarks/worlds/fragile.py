"""The parts of a service that an injected fault can break: sources, the reranker, stores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from recsys.errors import StoreError
from recsys.models.recipe import FitContext, Model, Recipe
from recsys.pipeline import Pipeline
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked
from serving.stores.control import Controls, ControlStore
from serving.stores.state import History


class FaultError(Exception):
    """What an injected fault raises where no store is involved."""


class First(Recipe):
    """The first source that is tried."""

    name: ClassVar[str] = "first"

    def fit(self, data: Any, ctx: FitContext) -> Model:
        """Never asked for: the scores are told."""
        raise NotImplementedError


class Popular(First):
    """The one by whose order lists are filled."""

    name: ClassVar[str] = "popular"


class Source:
    """A model with told scores: a row that moves on by one for each event of the history; None abstains."""

    def __init__(self, recipe: Recipe, scores: Sequence[float | None], failing: set[str]) -> None:
        self.recipe = recipe
        self._row = np.array([-np.inf if one is None else one for one in scores], np.float32)
        self._name, self._failing = recipe.name, failing

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        """(queries, items)"""
        if {self._name, "score"} & self._failing:
            raise FaultError(self._name)
        return np.array([np.roll(self._row, len(query))[items] for query in queries], np.float32)

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best of what is allowed."""
        if self._name in self._failing:
            raise FaultError(self._name)
        rows = np.array([np.roll(self._row, len(query)) for query in queries], np.float32)
        return top_k(rows, n, allowed, exclude, self._name)

    def save(self, folder: Path) -> None:
        """Told scores are in no file."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Fragile(Pipeline):
    """A pipeline whose rerank stage can fail."""

    failing: set[str] = field(default_factory=set)

    def reranked(self, *given: Any, **more: Any) -> Any:
        """As ever, unless it fails."""
        if "rerank" in self.failing:
            raise FaultError("rerank")
        return super().reranked(*given, **more)


class Control(ControlStore):
    """A control store that can be out of reach."""

    failing: set[str]

    def controls(self, user_id: str) -> Controls:
        """A user's choices, unless they cannot be read."""
        if {"controls", "everything"} & self.failing:
            raise StoreError("injected: the control store does not answer")
        return super().controls(user_id)

    def sequence(self) -> int:
        """The newest change, unless it cannot be read."""
        if "everything" in self.failing:
            raise StoreError("injected: the control store does not answer")
        return super().sequence()

    def silent_seconds(self) -> float:
        """Longer than the lease while the fault lasts."""
        return 5.5 if "silent" in self.failing else 0.0


class State:
    """A state store that can be out of reach."""

    def __init__(self, real: Any, failing: set[str]) -> None:
        self.real, self._failing = real, failing

    def number(self, user_id: str) -> int | None:
        """Which state of a user this is."""
        return self._up().number(user_id)  # type: ignore[no-any-return]

    def history(self, user_id: str, limit: int | None = None) -> History:
        """A user's events."""
        return self._up().history(user_id, limit)  # type: ignore[no-any-return]

    def seen(self, user_id: str) -> Sequence[str]:
        """What a user had."""
        return self._up().seen(user_id)  # type: ignore[no-any-return]

    def profile(self, user_id: str) -> Mapping[str, str]:
        """What is known of a user."""
        return self._up().profile(user_id)  # type: ignore[no-any-return]

    def _up(self) -> Any:
        if {"state", "everything"} & self._failing:
            raise StoreError("injected: the state store does not answer")
        return self.real
