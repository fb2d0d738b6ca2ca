"""Models that are made of other models: what their parts propose, and the parts' scores on one scale."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer

from recsys.dataset.data import Dataset
from recsys.models.loops import ranked, scales, standard
from recsys.models.memory import once, once_each, remembers
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
    return [_each_once([ranked.items for ranked in own]) for own in zip(*lists, strict=True)]


def _each_once(lists: Sequence[IntArray]) -> IntArray:
    """Ascending; np.unique takes several times as long."""
    items = np.concatenate(lists)
    items.sort()
    fresh = np.empty(len(items), np.bool_)
    fresh[:1] = True
    np.not_equal(items[1:], items[:-1], out=fresh[1:])
    return items[fresh]


def standards(parts: Sequence[Model], query: Query, items: IntArray, reference: IntArray) -> NDArray[np.float64]:
    """(parts, items) each part's standard scores for one query, -inf where it abstains."""
    return standard(*scored(parts, query, items, reference))


def scored(
    parts: Sequence[Model], query: Query, items: IntArray, reference: IntArray
) -> tuple[FloatArray, NDArray[np.float64]]:
    """(parts, items) each part's scores for one query, and (parts, 2) their means and deviations over ``reference``.

    0 and 1 where a part abstains from the whole reference; nothing is clipped, so a part alone keeps its order.
    """
    scores = np.empty((len(parts), len(items)), np.float32)
    for at, part in enumerate(parts):
        # one query at a time: a list must not depend on who else is in the batch
        scores[at] = part.score([query], items)[0]
    return scores, once("scales", (parts, reference, query), partial(_scale_of_each, parts, reference, query))


def measure(parts: Sequence[Model], queries: Sequence[Query], reference: IntArray) -> None:
    """Work out the scales of all parts for many queries of a request at once; each is what a query alone would get."""
    if not remembers():
        return
    for part in parts:
        once_each(_SCALE, (part, reference), queries, partial(_scales, part, reference))


def share_reference(parts: Sequence[Model], reference: IntArray) -> None:
    """Let parts that are made of others measure by the same array where it is an equal one: then it is done once."""
    for part in parts:
        own = getattr(part, "reference", None)
        if own is not None and np.array_equal(own, reference):
            part.reference = reference  # type: ignore[attr-defined]


def _scale_of_each(parts: Sequence[Model], reference: IntArray, query: Query) -> NDArray[np.float64]:
    """(parts, 2)"""
    each = [once_each(_SCALE, (part, reference), [query], partial(_scales, part, reference)) for part in parts]
    return np.array(each, np.float64).reshape(len(parts), 2)


def _scales(part: Model, reference: IntArray, queries: Sequence[Query]) -> list[NDArray[np.float64]]:
    """(2,) for each query."""
    return list(scales(part.score(queries, reference)))


def best_of(items: IntArray, scores: NDArray[np.floating], n: int, source: str) -> Ranked:
    """The best ``n`` of ascending candidates by their scores (items,); ties go to the lower index, -inf is left out."""
    return Ranked(*ranked(items, scores, n), source)


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
