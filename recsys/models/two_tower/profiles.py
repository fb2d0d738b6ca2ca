"""Profiles as tokens such as ``gender=F``."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

MIN_USERS = 5  # a rarer token says too little, and might say who a user is


@dataclass(frozen=True, eq=False)
class ProfileTokens:
    """The tokens that at least ``MIN_USERS`` users have, in a fixed order."""

    tokens: tuple[str, ...]

    @classmethod
    def fit(cls, profiles: Iterable[Mapping[str, str]], max_tokens: int = 10_000) -> "ProfileTokens":
        """The most common tokens of these users' profiles."""
        users = Counter(token for profile in profiles for token in _tokens(profile))
        common = sorted((-n, token) for token, n in users.items() if n >= MIN_USERS)[:max_tokens]
        return cls(tuple(token for _, token in common))

    def __len__(self) -> int:
        return len(self.tokens)

    def known(self, profile: Mapping[str, str]) -> list[int]:
        """The places of a profile's tokens, ascending; tokens never met are left out."""
        return sorted(self._place[token] for token in _tokens(profile) if token in self._place)

    def packed(self, profiles: Sequence[Mapping[str, str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All profiles' tokens one behind the other (entries,), and where each profile begins (profiles + 1,)."""
        own = [self.known(profile) for profile in profiles]
        start = np.concatenate([[0], np.cumsum([len(tokens) for tokens in own])]).astype(np.int64)
        return np.fromiter((token for tokens in own for token in tokens), np.int64, int(start[-1])), start

    @cached_property
    def _place(self) -> dict[str, int]:
        return {token: at for at, token in enumerate(self.tokens)}


def _tokens(profile: Mapping[str, str]) -> set[str]:
    return {f"{key}={value}" for key, value in profile.items() if value}
