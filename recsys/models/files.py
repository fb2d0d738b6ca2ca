"""A model's arrays on disk: plain .npy files, mapped read-only so that workers share them. No pickle."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.errors import BundleError
from recsys.retrieval import Codes, Lead, Vectors
from recsys.types import FloatArray

_LEAD = ("lead", "lead_basis")
_CODES = ("codes", "codes_scale", "codes_basis", "codes_bounds")


def save_arrays(folder: Path, **arrays: NDArray[Any]) -> None:
    """Write each array as ``NAME.npy`` in C order; ValueError if one holds Python objects."""
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)


def load_arrays(folder: Path, *names: str) -> list[NDArray[Any]]:
    """Map the named arrays read-only, in the order asked; raises BundleError where one is missing or damaged."""
    return [_load(folder / f"{name}.npy") for name in names]


def save_codes(folder: Path, vectors: Vectors) -> None:
    """Write what searched vectors have beside them, if anything, so that workers share this too."""
    if vectors.lead is not None:
        save_arrays(folder, lead=vectors.lead.rows, lead_basis=vectors.lead.basis)
    if vectors.codes is not None:
        codes = vectors.codes
        bounds = np.array([codes.lost, codes.norm, codes.rest])
        save_arrays(folder, codes=codes.codes, codes_scale=codes.scale, codes_basis=codes.basis, codes_bounds=bounds)


def load_vectors(folder: Path, items: FloatArray) -> Vectors:
    """``items`` (items, d) with what was saved for their search."""
    if (folder / f"{_LEAD[0]}.npy").is_file():
        return Vectors(items, lead=Lead(*load_arrays(folder, *_LEAD)))
    if not (folder / f"{_CODES[0]}.npy").is_file():
        return Vectors.of(items)
    codes, scale, basis, bounds = load_arrays(folder, *_CODES)
    return Vectors(items, Codes(codes, scale, basis, *bounds.tolist()))


def _load(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BundleError(f"{path} is not a readable array: {error}; publish the bundle again.") from None
    return np.asarray(array)  # still mapped, without what a memmap does at every slice
