"""A user's profile as tokens such as ``occupation:writer`` and ``age:20s``."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from recsys.content.text import normal
from recsys.errors import BundleError

_FILE = "profile_tokens.json"


def profile_tokens(profile: Mapping[str, str]) -> Iterator[str]:
    """One token a field, and for whole numbers of two digits or more one for their decade as well."""
    for name, value in profile.items():
        plain = normal(value)
        if plain:
            yield f"{name}:{plain}"
        if len(plain) > 1 and plain.isascii() and plain.isdecimal():
            yield f"{name}:{int(plain) // 10 * 10}s"


@dataclass(frozen=True, eq=False)
class ProfileVocabulary:
    """The profile tokens that enough users share to learn from."""

    tokens: tuple[str, ...]

    @classmethod
    def fit(
        cls, profiles: Iterable[Mapping[str, str]], *, max_features: int = 2_000, min_users: int = 3
    ) -> "ProfileVocabulary":
        """The ``max_features`` most common tokens that at least ``min_users`` profiles have."""
        spread: Counter[str] = Counter()
        for profile in profiles:
            spread.update(set(profile_tokens(profile)))
        common = sorted((-n, token) for token, n in spread.items() if n >= min_users)[:max_features]
        return cls(tuple(token for _, token in common))

    def rows(self, profiles: Sequence[Mapping[str, str]]) -> sp.csr_matrix:
        """(profiles, features) float32 unit rows; a profile without a known token is a zero row."""
        place = self._place
        own = [sorted({place[t] for t in profile_tokens(profile) if t in place}) for profile in profiles]
        counts = np.array([len(row) for row in own], np.int64)
        weights = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
        columns = np.array([at for row in own for at in row], np.int32)
        ends = np.concatenate([[0], np.cumsum(counts)])
        return sp.csr_matrix((weights, columns, ends), shape=(len(own), len(self.tokens)))

    def save(self, folder: Path) -> None:
        """Write the tokens into an existing folder."""
        (folder / _FILE).write_text(json.dumps(self.tokens, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "ProfileVocabulary":
        """Read what ``save`` wrote; raises BundleError where it cannot."""
        try:
            return cls(tuple(json.loads((folder / _FILE).read_text(encoding="utf-8"))))
        except (OSError, ValueError) as error:
            raise BundleError(f"{folder} holds no readable {_FILE}: {error}; publish the bundle again.") from None

    @cached_property
    def _place(self) -> dict[str, int]:
        return {token: at for at, token in enumerate(self.tokens)}
