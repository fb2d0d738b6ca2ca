"""Models that are made of other models: what their parts propose, and the parts' scores on one scale."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer

from recsys.dataset.data import Dataset
from recsys.models.memory import is_known, once, remembers
from recsys.models.recipe import Model, Recipe, load_model, parse
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

_REFERENCE = 512  # items by which a part's scores are brought to one scale; half of them the most popular

_SCALE = "scale"


def _as_recipe(value: Any) -> Any:
    return parse(value, where="a part") if isinstance(value, dict) else value


Part = Annotated[Recipe, BeforeValidator(_as_recipe), PlainSerializer(lambda part: part.params(), return_type=dict)]


def is_composed(recipe: Recipe) -> bool:
    """Whether a recipe ranks what two or more others propose."""
    return len(getattr(recipe, "parts", ())) > 1


def ties(best: NDArray[np.floating], other: NDArray[np.floating]) -> bool:
    """Whether the gains (queries,) of one are within a standard error of the best's, compared query by query."""
    behind = np.asarray(best, np.float64) - np.asarray(other, np.float64)
    return bool(behind.mean() <= behind.std() / np.sqrt(len(behind)))


def reference_items(data: Dataset) -> IntArray:
    """Sorted items to measure scales by: the most popular, and as many spread evenly over the rest."""
    counts = np.bincount(data.item, minlength=data.n_items)
    order = np.argsort(-counts, kind="stable")
    popular, rest = order[: _REFERENCE // 2], order[_REFERENCE // 2 :]
    spread = rest[np.linspace(0, len(rest) - 1, min(len(rest), _REFERENCE // 2)).astype(np.int64)]
    return np.sort(np.concatenate([popular, spread])).astype(np.int32)


def proposed(
    parts: Sequence[Model], queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]
) -> list[IntArray]:
    """What any part has among its best ``n`` for each query, ascending; nothing for ``n`` 0."""
    if n < 1:
        return [np.zeros(0, np.int32) for _ in queries]
    about = (queries, allowed, exclude)
    lists = [once(f"top {n}", (part, *about), partial(part.top, queries, n, allowed, exclude)) for part in parts]
    return [np.unique(np.concatenate([ranked.items for ranked in own])) for own in zip(*lists, strict=True)]


def standards(parts: Sequence[Model], query: Query, items: IntArray, reference: IntArray) -> NDArray[np.float64]:
    """(parts, items) each part's standard scores for one query, -inf where it abstains."""
    # one query at a time: a list must not depend on who else is in the batch
    return np.stack([standard(part, query, items, reference) for part in parts])


def standard(part: Model, query: Query, items: IntArray, reference: IntArray) -> NDArray[np.float64]:
    """(items,) a part's scores less their mean over ``reference``, in standard deviations; -inf where it abstains.

    Raw scores, where it abstains from the whole reference; nothing is clipped, so a part alone keeps its order.
    """
    centre, spread = once(_SCALE, (part, query, reference), partial(_scale, part, query, reference))
    own = part.score([query], items)[0].astype(np.float64)
    return np.where(np.isfinite(own), (own - centre) / spread, -np.inf)


def measure(parts: Sequence[Model], queries: Sequence[Query], reference: IntArray) -> None:
    """Work out the scales of all parts for many queries of a request at once; each is what a query alone would get."""
    if not remembers():
        return
    for part in parts:
        fresh = [query for query in queries if not is_known(_SCALE, (part, query, reference))]
        for query, row in zip(fresh, part.score(fresh, reference) if fresh else (), strict=True):
            once(_SCALE, (part, query, reference), partial(_scale_of, row))


def share_reference(parts: Sequence[Model], reference: IntArray) -> None:
    """Let parts that are made of others measure by the same array where it is an equal one: then it is done once."""
    for part in parts:
        own = getattr(part, "reference", None)
        if own is not None and np.array_equal(own, reference):
            part.reference = reference  # type: ignore[attr-defined]


def _scale(part: Model, query: Query, reference: IntArray) -> tuple[float, float]:
    return _scale_of(part.score([query], reference)[0])


def _scale_of(scores: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation of a part's scores of the reference, 0 and 1 where it says nothing of it."""
    known = scores.astype(np.float64)
    known = known[np.isfinite(known)]
    spread = float(known.std()) if len(known) else 1.0
    return float(known.mean()) if len(known) else 0.0, spread if spread > 0 else 1.0


def best_of(items: IntArray, scores: NDArray[np.floating], n: int, source: str) -> Ranked:
    """The best ``n`` of ascending candidates by their scores (items,); ties go to the lower index, -inf is left out."""
    order = np.argsort(-scores, kind="stable")[:n]
    order = order[np.isfinite(scores[order])]
    return Ranked(items[order], scores[order].astype(np.float32), source)


def save_parts(parts: Sequence[Model], folder: Path) -> None:
    """Each part into a folder of its own."""
    for at, part in enumerate(parts):
        _place(folder, at).mkdir()
        part.save(_place(folder, at))


def load_parts(count: int, folder: Path) -> tuple[Model, ...]:
    """Map what ``save_parts`` wrote."""
    return tuple(load_model(_place(folder, at)) for at in range(count))


def _place(folder: Path, at: int) -> Path:
    return folder / f"part{at}"
