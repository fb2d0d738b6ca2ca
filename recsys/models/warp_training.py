"""How LightFM learns users as sums of their history: pseudo-users, drawn anew for every epoch."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recsys.content import Vocabulary
from recsys.dataset.data import Dataset
from recsys.errors import ConfigError, FitError
from recsys.models.profile_tokens import ProfileVocabulary
from recsys.types import BoolArray, FloatArray

_SHARE = 0.5  # of a history that describes the pseudo-user; the rest is what he is to be shown
_TOKENS = 8  # content tokens of an item, the weightiest first: each costs as much as its identity
_HELD = -1.0  # an interaction LightFM does not learn from and does not draw as a negative either


@dataclass(frozen=True, eq=False)
class Scales:
    """How much content, profile and the length of a history weigh."""

    content: float
    profile: float
    max_history: int


@dataclass(frozen=True, eq=False)
class Weights:
    """What is kept of a trained LightFM."""

    items: FloatArray  # (items, d) sum of identity and content embeddings
    bias: FloatArray  # (items,)
    history: FloatArray  # (items, d) what an item of the history adds to its user
    profile: FloatArray  # (tokens, d) what a profile token adds


class Training:
    """A log ready for epochs; every draw splits each history into what describes its user and what is to be found."""

    def __init__(self, data: Dataset, vocabulary: ProfileVocabulary, scales: Scales) -> None:
        self._scales = scales
        self._n_users, self._n_items = data.n_users, data.n_items
        events, liked = data.matrix(), data.matrix(positives_only=True)
        self._user = np.repeat(np.arange(data.n_users, dtype=np.int32), np.diff(events.indptr))  # (pairs,)
        self._item = events.indices.astype(np.int32)
        self._weight = events.data
        self._liked = _aligned(events, liked)  # (pairs,) weight as a positive, 0 where it is none
        self._limit = np.minimum(_SHARE, scales.max_history / np.maximum(np.diff(events.indptr), 1))  # (users,)
        self.known: BoolArray = np.bincount(self._item, minlength=data.n_items) > 0
        self._seen = np.bincount(self._item, self._liked > 0, data.n_items)  # (items,) positives
        self._content = content_rows(data) * scales.content  # (items, features)
        profiles = vocabulary.rows([data.profile(user) for user in range(data.n_users)])
        self._profiles = profiles * scales.profile  # (users, tokens)
        self.able: BoolArray = self.known | (np.diff(self._content.indptr) > 0)

    def epoch(self, trainer: Any, rng: np.random.Generator) -> None:
        """One pass over one draw of pseudo-users."""
        described = rng.random(len(self._user)) < self._limit[self._user]  # (pairs,)
        asked = ~described & (self._liked > 0)
        if not asked.any():  # nothing to find in this draw, and LightFM wants to see its matrices once
            described, asked = np.zeros_like(described), self._liked > 0
        use = asked | (described & np.isin(self._user, self._user[asked]))
        value = np.where(asked, 1.0, _HELD)[use].astype(np.float32)
        weight = np.where(asked, self._liked / (self._liked[asked].mean() if asked.any() else 1), 1)[use]
        place = (self._user[use], self._column[self._item[use]])
        shape = (self._n_users, int(self.known.sum()))
        try:
            trainer.fit_partial(
                sp.coo_matrix((value, place), shape),
                user_features=self._user_rows(described),
                item_features=self._item_rows,
                sample_weight=sp.coo_matrix((weight.astype(np.float32), place), shape),
                epochs=1,
                num_threads=1,  # more threads write over each other, and the seed would not give the list
            )
        except ValueError as error:  # LightFM's only check while it runs: all parameters are finite
            raise FitError(f"warp did not converge ({error}); lower learning_rate.") from None

    def weights(self, trainer: Any) -> Weights:
        """Embeddings by item; an item without events has its content and the bias of the least liked items."""
        n_known = int(self.known.sum())
        identity, content = np.split(trainer.item_embeddings, [n_known])
        own_bias, content_bias = np.split(trainer.item_biases, [n_known])
        items = np.asarray(self._content @ content, np.float32)
        bias = np.asarray(self._content @ content_bias, np.float32)
        items[self.known] += identity
        seen = self._seen[self.known]
        bias[~self.known] += own_bias[seen <= np.quantile(seen, 0.25)].mean()
        bias[self.known] += own_bias
        history = np.where(self.known[:, None], trainer.user_embeddings[: self._n_items], np.float32(0))
        return Weights(
            items, bias, history, trainer.user_embeddings[self._n_items :] * np.float32(self._scales.profile)
        )

    def _user_rows(self, described: BoolArray) -> sp.csr_matrix:
        place = (self._user[described], self._item[described])
        history = sp.csr_matrix((self._weight[described], place), (self._n_users, self._n_items), dtype=np.float32)
        return sp.hstack([shares(history), self._profiles]).tocsr()

    @cached_property
    def _item_rows(self) -> sp.csr_matrix:
        """(known items, known items + content features)"""
        identity = sp.identity(int(self.known.sum()), np.float32, "csr")
        return sp.hstack([identity, self._content[self.known]]).tocsr()

    @cached_property
    def _column(self) -> NDArray[np.int32]:
        """(items,) place among the known items"""
        return (np.cumsum(self.known) - 1).astype(np.int32)


def shares(history: sp.csr_matrix) -> sp.csr_matrix:
    """Rows that sum to 1, or to 0 where a history is empty."""
    total = np.asarray(history.sum(axis=1)).ravel()
    scale = np.divide(1, total, out=np.zeros_like(total, np.float64), where=total > 0)
    return sp.csr_matrix(sp.diags(scale.astype(np.float32)) @ history)


def content_rows(data: Dataset) -> sp.csr_matrix:
    """(items, features) unit rows of each item's weightiest content tokens."""
    rows = Vocabulary.fit(data.catalogue).transform(data.catalogue)
    rank = np.arange(rows.nnz) - np.repeat(rows.indptr[:-1], np.diff(rows.indptr))
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    order = np.lexsort((-rows.data, row))  # (entries,) heaviest first within each row
    keep = np.sort(order[rank < _TOKENS])
    norm = np.sqrt(np.bincount(row[keep], rows.data[keep] ** 2, rows.shape[0]))
    value = (rows.data[keep] / norm[row[keep]]).astype(np.float32)
    return sp.csr_matrix((value, (row[keep], rows.indices[keep])), rows.shape)


def new_trainer(**settings: Any) -> Any:
    """An untrained LightFM with the WARP loss; raises ConfigError where it is not installed."""
    try:
        from lightfm import LightFM
    except ImportError as error:
        raise ConfigError(
            f"warp needs LightFM, which cannot be imported ({error}); install a C compiler and then rectools-lightfm."
        ) from None
    return LightFM(loss="warp", **settings)


def _aligned(events: sp.csr_matrix, liked: sp.csr_matrix) -> FloatArray:
    """(pairs of events,) the values of ``liked``, 0 where it has none."""
    n_items = events.shape[1]
    keys = [np.repeat(np.arange(m.shape[0]), np.diff(m.indptr)) * n_items + m.indices for m in (events, liked)]
    values = np.zeros(events.nnz, np.float32)
    values[np.searchsorted(keys[0], keys[1])] = liked.data
    return values
