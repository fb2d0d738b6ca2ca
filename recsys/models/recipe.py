"""A recipe fits and a model comes out: an unfitted model cannot exist."""

import json
import math
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from recsys.dataset.data import Dataset, Holdout
from recsys.errors import BundleError, ConfigError
from recsys.registry import Registry
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

RECIPE_FILE = "recipe.json"


@runtime_checkable
class Model(Protocol):
    """A fitted model: frozen, thread-safe, without any user's data. It never looks a user up."""

    @property
    def recipe(self) -> "Recipe":
        """The recipe with everything that fitting chose filled in; refitting it needs no validation data."""
        ...

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """The best ``n`` items of each query among ``allowed`` (items,), without its sorted ``exclude``.

        A list is shorter than ``n`` only where the model abstains on what is left.
        """
        ...

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        """(queries, items) comparable within a row; -inf where the model abstains, never NaN."""
        ...

    def save(self, folder: Path) -> None:
        """Write arrays (.npy) and recipe.json into an existing empty folder; ``Recipe.load`` maps them back."""
        ...


@dataclass(frozen=True, eq=False)
class FitContext:
    """The surroundings of a fit: everything that is not a hyperparameter."""

    seed: int = 0
    device: str = "cpu"
    threads: int = 0  # 0: all cores
    holdout: Holdout | None = None  # what to choose on; None means fit exactly what the recipe says
    report: Callable[[int, Mapping[str, float]], None] = lambda step, metrics: None
    checkpoint: Path | None = None  # folder that a long fit saves its state in, to go on from after a crash
    until: float = math.inf  # monotonic s after which nothing more is tried: the best so far has to do
    known: Mapping[tuple["Recipe", bytes], Model] = field(default_factory=dict)  # by what they are and by data's mark
    _fitted: dict[tuple["Recipe", int], tuple[Dataset, Model]] = field(default_factory=dict)

    @property
    def late(self) -> bool:
        """Whether the time to choose in is over; a fit that has nothing to choose takes what it takes."""
        return time.monotonic() > self.until

    def rng(self) -> np.random.Generator:
        """A fresh generator: the same seed gives the same model."""
        return np.random.default_rng(self.seed)

    def fit(self, recipe: "Recipe", data: Dataset) -> Model:
        """Fit ``recipe``, or give the model that this context has already fitted on the same data.

        So too where it is ``known`` from equal data: a recipe with nothing open makes the same model of them.
        """
        key = (recipe, id(data))
        if key not in self._fitted:  # the dataset is kept beside the model so that its id stays its own
            known = self.known.get((recipe, data.mark)) if self.known else None
            self._fitted[key] = (data, recipe.fit(data, self) if known is None else known)
        return self._fitted[key][1]


class Recipe(BaseModel):
    """Hyperparameters, written once: TOML = MLflow parameters = manifest.

    A field that is None is chosen on ``ctx.holdout`` where there is one, else takes a stated default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: ClassVar[str]

    def fit(self, data: Dataset, ctx: FitContext) -> Model:
        """Fit on ``data``; raises FitError where it cannot."""
        raise TypeError(f"{type(self).__name__} does not say how it is fitted.")

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Map the model that ``Model.save`` wrote."""
        raise TypeError(f"{cls.__name__} does not say how it is loaded.")

    def params(self) -> dict[str, Any]:
        """The recipe as plain values, with its name under ``recipe``; ``parse`` reads it back."""
        return {"recipe": self.name, **self.model_dump(mode="json")}


_recipes: Registry[type[Recipe]] = Registry("recipe", "recsys.models")


def register(name: str) -> Callable[[type[Recipe]], type[Recipe]]:
    """Class decorator: file a recipe under ``name``."""

    def add(recipe: type[Recipe]) -> type[Recipe]:
        recipe.name = name
        return _recipes.register(name)(recipe)

    return add


def recipes() -> Mapping[str, type[Recipe]]:
    """Every registered recipe by name."""
    return _recipes


def parse(params: Mapping[str, Any], *, where: str = "recipe") -> Recipe:
    """A recipe of plain values; ``where`` names their place for the error message."""
    values = dict(params)
    name = values.pop("recipe", None)
    if not isinstance(name, str):
        raise ConfigError(f'{where} does not say which recipe it is; write recipe = "als" or another name.')
    try:
        return _recipes[name].model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{where} ({name}): {key}: {first['msg']}.") from None


def save_recipe(recipe: Recipe, folder: Path) -> None:
    """Write recipe.json, by which ``load_model`` knows what lies in the folder."""
    (folder / RECIPE_FILE).write_text(json.dumps(recipe.params(), indent=2, sort_keys=True) + "\n")


def load_recipe(folder: Path) -> Recipe:
    """Read what ``save_recipe`` wrote."""
    try:
        params = json.loads((folder / RECIPE_FILE).read_text())
    except (OSError, ValueError) as error:
        raise BundleError(f"{folder} holds no readable {RECIPE_FILE}: {error}.") from None
    return parse(params, where=str(folder / RECIPE_FILE))


_Shared = tuple[Callable[[Path], Hashable], dict[Hashable, Model]]
_shared: ContextVar[_Shared | None] = ContextVar("sharing", default=None)


@contextmanager
def sharing(mark: Callable[[Path], Hashable]) -> Iterator[None]:
    """Until the block ends, folders with an equal ``mark`` give one model: a part that several others are made of."""
    token = _shared.set((mark, {}))
    try:
        yield
    finally:
        _shared.reset(token)


def load_model(folder: Path) -> Model:
    """Map the model in a folder, whatever its recipe."""
    shared = _shared.get()
    if shared is None:
        return load_recipe(folder).load(folder)
    mark, models = shared
    key = mark(folder)
    if key not in models:
        models[key] = load_recipe(folder).load(folder)
    return models[key]
