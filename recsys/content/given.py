"""Vectors that came with the items, such as embeddings of images or sound."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scipy.sparse as sp

from recsys.dataset.catalogue import Catalogue


@dataclass(frozen=True, eq=False)
class Given:
    """One column ``vector`` or ``vector_NAME``, each row scaled to length 1."""

    name: str
    width: int
    share: float = 1.0

    @classmethod
    def fit(cls, catalogue: Catalogue, name: str) -> "Given | None":
        """None where no item has one; DataError names the first item whose vector is not like the others."""
        width = catalogue.vectors(name).shape[1]
        return cls(name, width) if width else None

    def rows(self, catalogue: Catalogue) -> sp.csr_matrix:
        """(items, width); a vector of another length says nothing here."""
        return sp.csr_matrix(catalogue.vectors(self.name, self.width, strict=False))

    def check(self, catalogue: Catalogue) -> None:
        """DataError names an item whose vector has another length than those that were fitted."""
        catalogue.vectors(self.name, self.width)

    def facts(self) -> Mapping[str, Any]:
        return {"kind": "given", "name": self.name, "width": self.width}

    def save(self, folder: Path) -> None:
        """There is nothing besides name and width."""

    @classmethod
    def load(cls, facts: Mapping[str, Any], folder: Path) -> "Given":
        """As ``facts`` says."""
        return cls(str(facts["name"]), int(facts["width"]))
