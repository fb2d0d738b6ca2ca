"""The loops of ``scan.c``: bounds of all scores from codes, and the best of rows of scores, scored exactly.

``hatch_build.py`` compiles them when the package is installed. Where that did not happen ``loaded()`` is None, and
numpy finds the same lists, bit by bit, more slowly. The interpreter's lock is released meanwhile.
"""

import ctypes
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.types import BoolArray, FloatArray, IntArray

BLOCK = 64  # items whose codes lie together, four directions of each side by side
BYTES_AT_ONCE = 2  # ``fastest`` where a processor adds up products of bytes in one step (AVX512-VNNI)
_LANES = 8  # sums of an inner product, added up by halves in the end
_ROOM, _SHARE = (
    16_384,
    16,
)  # columns that may be near the best before numpy is the faster one: so many, or one in so many


_NUMBERS = ("fours", "d", "bias_stride", "columns", "rows", "n", "room", "kernel", "start", "width")


class _Search(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("codes", "each", "asked", "steps", "block", "ids")),
        *((name, ctypes.c_void_p) for name in ("items", "queries", "bias", "off", "allowed", "hidden", "begins")),
        *((name, ctypes.c_int64) for name in _NUMBERS),
    ]


@cache
def loaded() -> ctypes.CDLL | None:
    """The compiled loops, None where they are not there."""
    if sys.byteorder != "little":
        return None
    for path in sorted(Path(__file__).parent.glob("_scan.*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:  # made for another machine
            continue
        library.recsys_wanted.restype = ctypes.c_int64
        for name, pointers in (("wanted", 1), ("begin", 2), ("take", 2), ("end", 5)):
            getattr(library, f"recsys_{name}").argtypes = [ctypes.c_void_p] * pointers
        numbers, arrays = ctypes.c_int64, ctypes.c_void_p
        library.recsys_products.argtypes = [arrays, numbers, numbers, arrays, numbers, arrays, arrays]
        library.recsys_inner.argtypes = [*[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2]
        return library
    return None


@cache
def fastest() -> int:
    """How sums of products of bytes are found here: 0 as anywhere, 1 with AVX2, 2 ``BYTES_AT_ONCE``."""
    return int(_compiled().recsys_fastest())


def _compiled() -> ctypes.CDLL:
    library = loaded()
    if library is None:
        raise RuntimeError("scan.c is not compiled here: run hatch_build.py, or search without codes.")
    return library


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Queries that meet the codes of all items."""

    codes: NDArray[np.uint8]  # (blocks, fours, BLOCK, 4)
    each: FloatArray  # (2, blocks · BLOCK) see ``best``
    asked: NDArray[np.int8]  # (rows, 4 · fours)
    steps: FloatArray  # (rows,) what one of these numbers stands for


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores that are known but for their rounding, a stretch of columns after another."""

    blocks: Iterable[tuple[int, FloatArray]]  # first column, (rows, width); good until the next one is asked for
    ids: IntArray | None  # (columns,) ascending items; None where they are all


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked for, and by whom. All numbers are finite."""

    items: FloatArray  # (items, d)
    queries: NDArray[np.float64]  # (rows, d)
    allowed: BoolArray  # (items,)
    exclude: Sequence[IntArray]  # ascending items, for each row
    bias: FloatArray | None  # (items,) or (rows, items)


def best(
    looked_at: Coded | Scored, asked: Asked, off: FloatArray, n: int
) -> tuple[IntArray, FloatArray, NDArray[np.int64]]:
    """The ``n`` best items of each row (rows, n), their scores, and how many there are; ties go to the lower item.

    ``off`` (rows, 3) says how far off the proposing scores can be: by [0] times ``each[0]`` of the item and [1] times
    ``each[1]``, and by half of [2]. There are -1 where too many are near the best to be told apart here.
    """
    codes = each = directed = steps = ids = None
    if isinstance(looked_at, Coded):
        codes, each, directed, steps = looked_at.codes, looked_at.each, looked_at.asked, looked_at.steps
    else:
        ids = looked_at.ids
    rows, d = asked.queries.shape
    begins = np.zeros(rows + 1, np.int64)
    np.cumsum([len(hidden) for hidden in asked.exclude], out=begins[1:])
    hidden = np.concatenate(asked.exclude).astype(np.int32, copy=False) if begins[-1] else begins  # none is read
    bias = None if asked.bias is None else np.ascontiguousarray(asked.bias, np.float32)
    columns = len(asked.items if ids is None else ids)
    search = _Search(
        *(_at(codes), _at(each), _at(directed), _at(steps), None, _at(ids)),
        *(_at(asked.items), _at(asked.queries), _at(bias), _at(off), _at(asked.allowed), _at(hidden), _at(begins)),
        fours=0 if directed is None else directed.shape[1] // 4,
        d=d,
        bias_stride=len(asked.items) if bias is not None and bias.ndim == 2 else 0,
        columns=columns,
        rows=rows,
        n=n,
        room=max(_ROOM, 8 * n, columns // _SHARE),
        kernel=fastest(),
    )
    library, about = _compiled(), ctypes.addressof(search)
    memory = np.empty(library.recsys_wanted(about), np.uint8)
    room = _at(memory)
    library.recsys_begin(about, room)
    if isinstance(looked_at, Coded):
        library.recsys_take(about, room)
    else:
        for start, block in looked_at.blocks:
            search.block, search.start, search.width = _at(block), start, block.shape[1]
            library.recsys_take(about, room)
    found, scores = np.empty((rows, n), np.int32), np.empty((rows, n), np.float32)
    counts = np.empty(rows, np.int64)
    library.recsys_end(about, room, _at(found), _at(scores), _at(counts))
    return found, scores, counts


def inner(items: FloatArray, query: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) inner products of (n, d) with (d,) or (n, d), each summed by itself and in the same order everywhere."""
    library = loaded()
    if library is not None and query.ndim == 1 and items.dtype == np.float32:
        items, query = np.ascontiguousarray(items), np.ascontiguousarray(query)
        out = np.empty(len(items))
        library.recsys_inner(_at(items), _at(query), _at(out), *items.shape)
        return out
    products = items.astype(np.float64) * query
    whole = items.shape[1] // _LANES * _LANES
    sums = products[:, :whole].reshape(len(items), -1, _LANES).sum(axis=1)  # (n, lanes)
    sums[:, : items.shape[1] - whole] += products[:, whole:]
    for half in (4, 2, 1):
        sums = sums[:, :half] + sums[:, half:]
    return np.asarray(sums[:, 0])


def products(items: FloatArray, queries: FloatArray, bias: FloatArray | None) -> FloatArray:
    """(q, items) inner products of ``queries`` (q, d) with all ``items`` (items, d) plus ``bias``, as ``inner`` sums.

    The same as ``dot_scores``, for whole catalogues; RuntimeError where nothing is compiled.
    """
    items, asked = np.ascontiguousarray(items, np.float32), np.ascontiguousarray(queries, np.float64)
    rows = np.empty((len(asked), len(items)), np.float32)
    added = None if bias is None else np.ascontiguousarray(bias, np.float32)
    _compiled().recsys_products(_at(items), *items.shape, _at(asked), len(asked), _at(added), _at(rows))
    return rows


def _at(array: NDArray[Any] | None) -> int | None:
    """Where an array lies; whoever asks keeps it alive."""
    return None if array is None else array.__array_interface__["data"][0]
