"""Item content as sparse rows that two catalogues can be compared by, in any language."""

import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.content.tokens import FIELD_WEIGHTS, field_of, tokens
from recsys.dataset.catalogue import Catalogue
from recsys.errors import BundleError
from recsys.types import FloatArray

_TOKENS_FILE = "tokens.json"
_IDF_FILE = "idf.npy"


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The tokens that tell items apart and how rare each is: ``idf = log(1 + items / items with it)``."""

    tokens: tuple[str, ...]
    idf: FloatArray  # (features,)

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def fit(
        cls, catalogue: Catalogue, *, max_features: int = 20_000, min_items: int = 2, without: Container[str] = ()
    ) -> "Vocabulary":
        """The ``max_features`` most common tokens that at least ``min_items`` items have, no fields ``without``."""
        spread: Counter[str] = Counter()
        for own in tokens(catalogue):
            spread.update(token for token in set(own) if field_of(token) not in without)
        common = sorted((-n, token) for token, n in spread.items() if n >= min_items)[:max_features]
        counts = np.array([-n for n, _ in common], np.float64)
        return cls(tuple(token for _, token in common), np.log1p(len(catalogue) / counts).astype(np.float32))

    def transform(self, catalogue: Catalogue) -> sp.csr_matrix:
        """(items, features) float32 unit rows; an item without a known token is a zero row.

        Within a row every field has a fixed share, so that a long description does not drown the genres.
        """
        return self._unit_rows(tokens(catalogue))

    def by_field(self, catalogue: Catalogue) -> Mapping[str, sp.csr_matrix]:
        """By field: (items, tokens of it) float32 unit rows, zero where an item has none of them."""
        rows, place = self.transform(catalogue), self._fields[0]
        names = sorted({field_of(token) for token in self.tokens})
        return {name: _unit(rows[:, np.flatnonzero(place == at)]) for at, name in enumerate(names)}

    def save(self, folder: Path) -> None:
        """Write the tokens and their idf into an existing folder."""
        (folder / _TOKENS_FILE).write_text(json.dumps(self.tokens, ensure_ascii=False), encoding="utf-8")
        np.save(folder / _IDF_FILE, self.idf, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> "Vocabulary":
        """Read what ``save`` wrote; raises BundleError where it is incomplete."""
        try:
            names = json.loads((folder / _TOKENS_FILE).read_text(encoding="utf-8"))
            idf = np.load(folder / _IDF_FILE, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise BundleError(f"{folder} holds no readable vocabulary: {error}; publish the bundle again.") from None
        if len(names) != len(idf):
            raise BundleError(f"{folder} has {len(names)} tokens but {len(idf)} weights; publish the bundle again.")
        return cls(tuple(names), idf)

    @cached_property
    def _place(self) -> dict[str, int]:
        return {token: at for at, token in enumerate(self.tokens)}

    @cached_property
    def _fields(self) -> tuple[NDArray[np.int32], FloatArray]:
        """(features,) the field of each token as a number; (fields,) the share of each field."""
        names = sorted({field_of(token) for token in self.tokens})
        number = {name: at for at, name in enumerate(names)}
        of_token = np.array([number[field_of(token)] for token in self.tokens], np.int32)
        return of_token, np.array([FIELD_WEIGHTS.get(name, 1.0) for name in names], np.float32)

    def _unit_rows(self, items: Iterable[list[str]]) -> sp.csr_matrix:
        columns: list[int] = []
        counts: list[int] = []
        ends = [0]
        for own in items:
            known = Counter(self._place[token] for token in own if token in self._place)
            columns += known.keys()
            counts += known.values()
            ends.append(len(columns))
        at = np.array(columns, np.int32)  # (entries,)
        weight = (1 + np.log(np.array(counts, np.float32))) * self.idf[at]
        row = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        weight = self._by_field(weight, row, at)
        weight /= np.sqrt(np.bincount(row, weight**2, len(ends) - 1))[row]
        rows = sp.csr_matrix((weight.astype(np.float32), at, np.array(ends)), shape=(len(ends) - 1, len(self)))
        rows.sort_indices()
        return rows

    def _by_field(self, weight: FloatArray, row: NDArray[np.int64], column: NDArray[np.int32]) -> FloatArray:
        """Scale the entries so that each field of each row has its share as norm."""
        of_token, share = self._fields
        cell = row * len(share) + of_token[column]  # (entries,) one number a row and field
        norm = np.sqrt(np.bincount(cell, weight**2, (int(row.max(initial=-1)) + 1) * len(share)))
        scaled: FloatArray = weight * share[of_token[column]] / norm[cell]
        return scaled


def _unit(rows: sp.csr_matrix) -> sp.csr_matrix:
    norm = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags((1 / np.where(norm > 0, norm, 1)).astype(np.float32)) @ rows)
