"""Small trees scored together; ``recsys.models.ranker.forest`` says how."""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.models.loops import library
from recsys.models.loops.library import Column, as_kind, at, scratch
from recsys.types import FloatArray

_ROWS = 32  # that trees score at once
_WIDTH = 32  # bytes of a register: rows of bits are as many, or a multiple


class _Forest(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("thresholds", "first", "bits", "leaves")),
        *((name, ctypes.c_int64) for name in ("features", "tables", "width")),
    ]


class CompiledForest:
    """The arrays of a ``Forest`` as the loops read them."""

    def __init__(self, *arrays: NDArray[Any]) -> None:
        thresholds, first, bits, leaves = self._arrays = arrays  # held, as the structure knows only where they lie
        about = {"features": len(first) - 1, "tables": len(leaves), "width": bits.shape[1]}
        self._forest = _Forest(at(thresholds), at(first), at(bits), at(leaves), **about)
        self._features, self._width = len(first) - 1, bits.shape[1]

    @classmethod
    def of(
        cls, thresholds: FloatArray, first: NDArray[np.int64], bits: NDArray[np.uint8], leaves: Column
    ) -> "CompiledForest | None":
        """None where nothing is compiled."""
        if library.loaded() is None:
            return None
        padded = np.zeros((len(bits), -(-len(leaves) // _WIDTH) * _WIDTH), np.uint8)
        padded[:, : len(leaves)] = bits
        return cls(thresholds, first, padded, np.ascontiguousarray(leaves))

    def score(self, rows: FloatArray, last: FloatArray) -> Column:
        """(rows,) of finite features (rows, features - 1) and the last one (rows,)."""
        loops = library.loaded()
        if loops is None or rows.shape[1] != self._features - 1:
            raise ValueError(f"{rows.shape[1] + 1} features were given to trees of {self._features}.")
        rows, last, scores = as_kind(rows, np.float32), as_kind(last, np.float32), np.empty(len(rows))
        bits = scratch(_ROWS * self._width)
        loops.recsys_trees(ctypes.addressof(self._forest), at(rows), at(last), len(rows), bits, at(scores))
        return scores
