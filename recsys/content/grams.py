"""Text of any language as runs of two to four characters, so that no word list and no segmenter is needed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.content.text import plain_words
from recsys.dataset.catalogue import Catalogue
from recsys.errors import BundleError
from recsys.types import FloatArray

SIZES = (2, 3, 4)  # two is a Chinese word, four the stem of a European one
BUCKETS = 1 << 15
_LONGEST = 4_000  # characters of a text that are read
_FILE = "grams.npy"
_PRIMES = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)
TEXTS = ("title", "description")


@dataclass(frozen=True, eq=False)
class Grams:
    """Hashed character n-grams of title and description, by tf-idf; each field has half of what is known."""

    idf: FloatArray  # (BUCKETS,) 0 where no item has it
    share: float = 0.7

    @classmethod
    def fit(cls, catalogue: Catalogue) -> "Grams | None":
        """None where no item has a text."""
        spread = np.zeros(BUCKETS, np.int64)
        for field in TEXTS:
            for buckets, _ in _counted(catalogue.column(field)):
                spread[buckets] += 1
        if not spread.any():
            return None
        seen = np.maximum(spread, 1)
        return cls(np.where(spread > 0, np.log1p(len(catalogue) / seen), 0).astype(np.float32))

    def rows(self, catalogue: Catalogue) -> sp.csr_matrix:
        return _unit(sum(self._field(catalogue.column(field)) for field in TEXTS))

    def facts(self) -> Mapping[str, Any]:
        return {"kind": "grams"}

    def save(self, folder: Path) -> None:
        np.save(folder / _FILE, self.idf, allow_pickle=False)

    @classmethod
    def load(cls, facts: Mapping[str, Any], folder: Path) -> "Grams":
        """Map what ``save`` wrote; BundleError where it is not there."""
        try:
            return cls(np.load(folder / _FILE, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise BundleError(f"{folder} holds no readable {_FILE}: {error}; publish the bundle again.") from None

    def _field(self, texts: list[str | None]) -> sp.csr_matrix:
        """(items, BUCKETS) unit rows of one field."""
        columns, values, ends = [], [], [0]
        for buckets, counts in _counted(texts):
            columns.append(buckets)
            values.append((1 + np.log(counts)) * self.idf[buckets])
            ends.append(ends[-1] + len(buckets))
        flat = np.concatenate(values).astype(np.float32) if values else np.zeros(0, np.float32)
        at = np.concatenate(columns) if columns else np.zeros(0, np.int64)
        return _unit(sp.csr_matrix((flat, at, ends), shape=(len(texts), BUCKETS)))


def _counted(texts: list[str | None]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The buckets of each text, ascending, and how often each occurs."""
    for text in texts:
        yield np.unique(_buckets(plain_words((text or "")[:_LONGEST])), return_counts=True)


def _buckets(text: str) -> NDArray[np.int64]:
    """The buckets of all runs of a text whose words are parted, begun and ended by single spaces."""
    letters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    found = [np.zeros(0, np.uint64)]
    for size in SIZES:
        if len(letters) < size:
            continue
        runs = np.lib.stride_tricks.sliding_window_view(letters, size)  # (runs, size)
        runs = runs[(runs[:, 1:-1] != ord(" ")).all(axis=1)]  # a run may touch a word's edge, not bridge two words
        mixed = (runs * _PRIMES[:size]).sum(axis=1, dtype=np.uint64) * _PRIMES[size - 1]
        found.append(mixed >> np.uint64(64 - 15))
    return np.concatenate(found).astype(np.int64)


def _unit(rows: sp.csr_matrix) -> sp.csr_matrix:
    norm = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags(1 / np.where(norm > 0, norm, 1)) @ rows, dtype=np.float32)
