"""Years by closeness: 1999 and 2001 are nearly the same, whatever decades they are in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from recsys.dataset.catalogue import Catalogue

_OLDEST, _NEWEST = 1850.0, 2060.0  # what is older or newer counts as of then


@dataclass(frozen=True, eq=False)
class Years:
    """A year as a bell over places ``width`` years apart: the cosine of two years falls with their distance.

    With the width of 5 it is .78 for 5 years, .37 for 10 and .02 for 20; with that of 1 the same for 1, 2 and 4.
    """

    share: float = 0.55
    width: float = 5.0  # years

    @classmethod
    def fit(cls, catalogue: Catalogue) -> "Years | None":
        """None where no item has a year."""
        return cls() if np.isfinite(catalogue.numbers("year")).any() else None

    def rows(self, catalogue: Catalogue) -> sp.csr_matrix:
        year = np.clip(catalogue.numbers("year"), _OLDEST, _NEWEST)  # (items,)
        places = np.arange(_OLDEST, _NEWEST + 1, self.width)
        bell = np.exp(-0.5 * ((year[:, None] - places) / self.width) ** 2)
        bell[~np.isfinite(bell) | (bell < 1e-3)] = 0.0
        norm = np.linalg.norm(bell, axis=1, keepdims=True)
        return sp.csr_matrix(bell / np.where(norm > 0, norm, 1), dtype=np.float32)

    def facts(self) -> Mapping[str, Any]:
        return {"kind": "years"}

    def save(self, folder: Path) -> None:
        """There is nothing besides the kind."""

    @classmethod
    def load(cls, facts: Mapping[str, Any], folder: Path) -> "Years":
        """The same for every catalogue."""
        return cls()


FINE_YEARS = Years(width=1.0)  # beside the others for what is popular: this year's works are unlike those of the last
