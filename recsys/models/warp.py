"""A hybrid of behaviour, content and profile, fitted by LightFM: users and items are sums of their features."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from recsys.dataset.data import Dataset, Holdout
from recsys.errors import FitError
from recsys.models.files import load_arrays, load_vectors, save_arrays, save_codes
from recsys.models.holdout import holdout_ndcg
from recsys.models.profile_tokens import ProfileVocabulary
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register, save_recipe
from recsys.models.warp_training import Scales, Training, Weights, new_trainer
from recsys.retrieval import Vectors, dot_scores
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

DEFAULT_EPOCHS = 20
CHECKS = (10, 15, 20, 25, 30, 40, 50, 60)  # epochs at which the holdout is asked; the first that is not better ends it


@register("warp")
class Warp(Recipe):
    """Weighted approximate-rank pairwise loss on feature embeddings (Weston et al. 2011, Kula 2015).

    A user is the weighted mean of his history's embeddings plus his profile's; an item is its own embedding plus
    its content's, and its bias. So new users are ranked for by profile, or by bias alone, and an item without events
    by its content; an item with neither is abstained from. Every epoch draws other pseudo-users: a part of each
    history, at most ``max_history`` items, describes the user, and the likes of the rest are to be found.
    ``epochs`` None is chosen on the holdout, 20 without one.
    """

    factors: PositiveInt = 64
    epochs: PositiveInt | None = None
    learning_rate: PositiveFloat = Field(default=0.1, allow_inf_nan=False)
    reg: NonNegativeFloat = Field(default=0.0, allow_inf_nan=False)
    max_history: PositiveInt = 20
    max_sampled: PositiveInt = 5  # items drawn at most in search of one that outranks a liked one
    content: NonNegativeFloat = Field(default=1.0, allow_inf_nan=False)
    profile: NonNegativeFloat = Field(default=0.1, allow_inf_nan=False)

    def fit(self, data: Dataset, ctx: FitContext) -> "WarpModel":
        """Train by LightFM on pseudo-users drawn from ``ctx``; FitError for a log without events.

        With ``epochs`` None the holdout is asked at some of them, and the first that is not better ends the training.
        """
        if data.n_events == 0:
            raise FitError("warp cannot learn from a log without events; ingest some or choose another recipe.")
        rng = ctx.rng()
        tokens = ProfileVocabulary.fit(data.profile(user) for user in range(data.n_users))
        training = Training(data, tokens, Scales(self.content, self.profile, self.max_history))
        trainer = new_trainer(
            no_components=self.factors,
            learning_rate=self.learning_rate,
            max_sampled=self.max_sampled,
            item_alpha=self.reg,
            user_alpha=self.reg,
            random_state=int(rng.integers(2**31)),
        )

        def train(first: int, last: int) -> WarpModel:
            for epoch in range(first, last):
                training.epoch(trainer, rng)
                ctx.report(epoch, {})
            recipe = self.model_copy(update={"epochs": last})
            return WarpModel(recipe, training.weights(trainer), tokens, training.able)

        if self.epochs is None and ctx.holdout is not None and len(ctx.holdout) > 0:
            return _stopped_early(train, ctx, ctx.holdout)
        return train(0, self.epochs or DEFAULT_EPOCHS)

    @classmethod
    def load(cls, folder: Path) -> Model:
        items, bias, history, profile, able = load_arrays(folder, "items", "bias", "history", "profile", "able")
        weights = Weights(items, bias, history, profile)
        vocabulary, searched = ProfileVocabulary.load(folder), load_vectors(folder, items)
        return WarpModel(load_recipe(folder), weights, vocabulary, able, searched)


class WarpModel:
    """Sums of embeddings on both sides; scores are their inner products plus the item's bias."""

    def __init__(
        self,
        recipe: Recipe,
        weights: Weights,
        tokens: ProfileVocabulary,
        able: BoolArray,
        searched: Vectors | None = None,
    ) -> None:
        self.recipe = recipe
        self.weights = weights
        self.tokens = tokens
        self.able = able  # (items,) has events or content
        self.searched = searched or Vectors.of(weights.items)

    def vectors(self, queries: Sequence[Query]) -> FloatArray:
        """(queries, d) weighted mean of the history's embeddings plus the profile's; zero where nothing is known."""
        rows = [self._history(query) for query in queries]
        profiles = self.tokens.rows([query.profile for query in queries]) @ self.weights.profile
        found: FloatArray = np.reshape(rows, profiles.shape).astype(np.float32) + profiles
        return found

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        able, bias, source = allowed & self.able, self.weights.bias, self.recipe.name
        return self.searched.top(self.vectors(queries), n, able, exclude, source, bias)

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        scores = dot_scores(self.vectors(queries), self.weights.items[items], self.weights.bias[items])
        scores[:, ~self.able[items]] = -np.inf
        return scores

    def save(self, folder: Path) -> None:
        own = self.weights
        save_arrays(folder, items=own.items, bias=own.bias, history=own.history, profile=own.profile, able=self.able)
        save_codes(folder, self.searched)
        self.tokens.save(folder)
        save_recipe(self.recipe, folder)

    def _history(self, query: Query) -> NDArray[np.float64]:
        """(d,) mean of the history's embeddings by weight; items beyond the catalogue do not count."""
        inside = query.items < len(self.able)
        weight = query.weights[inside].astype(np.float64)
        mean: NDArray[np.float64] = weight @ self.weights.history[query.items[inside]] / max(weight.sum(), 1e-12)
        return mean


def _stopped_early(train: Callable[[int, int], WarpModel], ctx: FitContext, holdout: Holdout) -> WarpModel:
    """The model of the best number of epochs; training ends at the first check that is not better."""
    done = 0
    best: tuple[float, WarpModel] | None = None
    for epochs in CHECKS:
        model = train(done, epochs)
        quality = holdout_ndcg(model, holdout, np.ones(len(model.able), np.bool_))
        ctx.report(epochs - 1, {"ndcg@10": quality})
        if best is not None and quality <= best[0]:
            break
        done, best = epochs, (quality, model)
        if ctx.late:
            break
    if best is None:
        raise FitError("warp trained no epoch; name epochs in the spec.")
    return best[1]
