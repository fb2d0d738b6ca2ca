"""The loops of ``scan.c``: bounds of all scores from codes, and the best of rows of scores, scored exactly.

``hatch_build.py`` compiles them when the package is installed. Where that did not happen ``loaded()`` is None, and numpy
finds the same lists, bit by bit, more slowly. The lock of the interpreter is released meanwhile.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.types import BoolArray, FloatArray, IntArray

BLOCK = 64  # items whose codes lie together, direction by direction
_LANES = 8  # sums of an inner product, added up by halves in the end
_ROOM, _SHARE = 4096, 128  # columns that may be near the best before numpy is the faster one: so many, or one in so many


class _Search(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("each", "allowed", "ids")),
        *((name, ctypes.c_int64) for name in ("columns", "width", "n", "room")),
    ]


@cache
def loaded() -> ctypes.CDLL | None:
    """The compiled loops, None where they are not there."""
    for path in sorted(Path(__file__).parent.glob("_scan.*")):
        try:
            return ctypes.CDLL(str(path))
        except OSError:  # made for another machine
            continue
    return None


def _compiled() -> ctypes.CDLL:
    library = loaded()
    if library is None:
        raise RuntimeError("scan.c is not compiled here: run hatch_build.py, or search without codes.")
    return library


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of scores, not quite exact, and what is needed to rank them."""

    block: FloatArray  # (rows, at least columns)
    off: FloatArray  # (rows, 3) a score is at most [0] · each[0] + [1] · each[1] above, twice that below, ± half of [2]
    items: FloatArray  # (items, d)
    queries: NDArray[np.float64]  # (rows, d)
    allowed: BoolArray  # (items,)
    ids: IntArray | None = None  # (columns,) ascending items; None where they are all
    bias: FloatArray | None = None  # (items,) or (rows, items)
    each: FloatArray | None = None  # (2, at least columns)

    def best(self, n: int, exclude: Sequence[IntArray]) -> tuple[IntArray, FloatArray, NDArray[np.int64]]:
        """The ``n`` best items of each row (rows, n), their scores, and how many there are.

        Ties go to the lower item. There are -1 where too many are near the best to be told apart here. All numbers are
        finite.
        """
        rows, columns = len(self.block), len(self.items) if self.ids is None else len(self.ids)
        begins = np.zeros(rows + 1, np.int64)
        np.cumsum([len(hidden) for hidden in exclude], out=begins[1:])
        hidden = np.concatenate(exclude).astype(np.int32, copy=False) if begins[-1] else begins  # none is read
        bias = None if self.bias is None else np.ascontiguousarray(self.bias, np.float32)
        found, scores = np.empty((rows, n), np.int32), np.empty((rows, n), np.float32)
        counts = np.empty(rows, np.int64)
        room = max(_ROOM, 8 * n, columns // _SHARE)
        width = 0 if self.each is None else self.each.shape[1]
        search = _Search(_at(self.each), _at(self.allowed), _at(self.ids), columns, width, n, room)
        bias_step = len(self.items) if bias is not None and bias.ndim == 2 else 0
        whole = _compiled().recsys_select(
            ctypes.byref(search),
            _at(self.block),
            _long(self.block.shape[1]),
            _long(rows),
            _at(self.items),
            _at(self.queries),
            _long(self.items.shape[1]),
            _at(bias),
            _long(bias_step),
            _at(self.off),
            _at(hidden),
            _at(begins),
            _at(found),
            _at(scores),
            _at(counts),
        )
        if not whole:
            raise MemoryError(f"no room for {room} candidates")
        return found, scores, counts


def bounds(
    coded: tuple[NDArray[np.int8], FloatArray],
    asked: FloatArray,
    off: FloatArray,
    allowed: BoolArray,
    out: FloatArray,
) -> None:
    """Into ``out`` (q, width) what each score is at most: by codes (blocks, r, BLOCK) and ``each`` (2, width) of items.

    ``asked`` (q, r) are the queries, ``off`` (q, 3) as in ``Rows``. Blocks without an allowed item are passed over.
    """
    codes, each = coded
    sizes = (_long(len(allowed)), _long(codes.shape[1]), _long(len(asked)))
    _compiled().recsys_bounds(_at(codes), _at(each), _at(asked), _at(off), _at(allowed), _at(out), *sizes)


def inner(items: FloatArray, query: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) inner products of (n, d) with (d,) or (n, d), each summed by itself and in the same order everywhere."""
    library = loaded()
    if library is not None and query.ndim == 1:
        items, query = np.ascontiguousarray(items, np.float32), np.ascontiguousarray(query)
        out = np.empty(len(items))
        library.recsys_inner(_at(items), _at(query), _at(out), _long(len(items)), _long(items.shape[1]))
        return out
    products = items.astype(np.float64) * query
    whole = items.shape[1] // _LANES * _LANES
    sums = products[:, :whole].reshape(len(items), -1, _LANES).sum(axis=1)  # (n, lanes)
    sums[:, : items.shape[1] - whole] += products[:, whole:]
    for half in (4, 2, 1):
        sums = sums[:, :half] + sums[:, half:]
    return np.asarray(sums[:, 0])


def _at(array: NDArray[Any] | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if array is None else array.__array_interface__["data"][0])


_long = ctypes.c_int64
