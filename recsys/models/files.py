"""A model's arrays on disk: plain .npy files, mapped read-only so that workers share them. No pickle."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import BundleError
from recsys.retrieval import Codes, Vectors
from recsys.types import FloatArray

_CODES = ("codes_fours", "codes_each", "codes_basis", "codes_lost")


def save_arrays(folder: Path, **arrays: NDArray[Any]) -> None:
    """Write each array as ``NAME.npy`` in C order; ValueError if one holds Python objects."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)


def load_arrays(folder: Path, *names: str) -> list[NDArray[Any]]:
    """Map the named arrays read-only, in the order asked; raises BundleError where one is missing or damaged."""
    return [_load(folder / f"{name}.npy") for name in names]


def save_codes(folder: Path, vectors: Vectors) -> None:
    """Write the codes beside searched vectors, if there are any, so that workers share these too."""
    if vectors.codes is not None:
        codes = vectors.codes
        how_far = np.array([codes.lost, codes.longest])
        arrays: tuple[NDArray[Any], ...] = (codes.codes, codes.each, codes.basis, how_far)
        save_arrays(folder, **dict(zip(_CODES, arrays, strict=True)))


def load_vectors(folder: Path, items: FloatArray) -> Vectors:
    """``items`` (items, d) with what was saved for their search; made again where it was saved in another form."""
    if not (folder / f"{_CODES[0]}.npy").is_file():
        return Vectors.of(items)
    codes, each, basis, lost = load_arrays(folder, *_CODES)
    return Vectors(items, Codes(codes, each, basis, *lost.tolist()))


def _load(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BundleError(f"{path} is not a readable array: {error}; publish the bundle again.") from None
    return np.asarray(array)  # still mapped, without what a memmap does at every slice
