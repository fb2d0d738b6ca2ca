"""The compiled ``loops.c``, and how arrays are handed to it.

``hatch_build.py`` compiles it when the package is installed. Where that did not happen ``loaded()`` is None, and numpy
finds the same numbers, bit by bit, more slowly. The interpreter's lock is released meanwhile.
"""

import ctypes
import sys
from functools import cache
from pathlib import Path
from threading import local
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Column = NDArray[np.float64]

_ARGUMENTS = {  # p for an array, n for a number
    "add_rows": "pnppnp",
    "add_entries": "pppnppnp",
    "merge": "ppnpnppp",
    "best": "pnppnnppp",
    "ranked": "ppnnppp",
    "scales": "pnnpp",
    "table": "ppnnpnnppnp",
    "mix": "pppnnpp",
    "weighted": "pnpnp",
    "trees": "pppnpp",
}
_TYPES = {"p": ctypes.c_void_p, "n": ctypes.c_int64}
_memory = local()


@cache
def loaded() -> ctypes.CDLL | None:
    """The compiled loops, None where they are not there."""
    if sys.byteorder != "little":
        return None
    for path in sorted(Path(__file__).parent.glob("_loops.*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:  # made for another machine
            continue
        for name, kinds in _ARGUMENTS.items():
            function = getattr(library, f"recsys_{name}")
            function.argtypes, function.restype = [_TYPES[kind] for kind in kinds], ctypes.c_int64
        return library
    return None


def at(array: NDArray[Any]) -> int:
    """Where an array lies; whoever asks keeps it alive."""
    if array.flags.writeable and array.size:  # twice as quick
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]
    place: int = array.__array_interface__["data"][0]
    return place


def scratch(size: int) -> int:
    """Where this thread has ``size`` bytes for what a loop needs only while it runs: the next call gives the same."""
    held: tuple[NDArray[np.uint64], int] | None = getattr(_memory, "scratch", None)
    if held is None or held[0].nbytes < size:
        room = np.empty(size // 8 + 1, np.uint64)
        held = _memory.scratch = room, at(room)
    return held[1]


def as_kind(array: NDArray[Any], kind: DTypeLike) -> NDArray[Any]:
    """The array as the loops read it, copied where it is not."""
    return np.ascontiguousarray(array, kind)


def is_plain(array: NDArray[Any], kind: DTypeLike) -> bool:
    """Whether the loops can read an array, which is too large to be copied, as it is."""
    return bool(array.flags.c_contiguous and array.dtype == kind)
