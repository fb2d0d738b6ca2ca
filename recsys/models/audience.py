"""What is popular now, raised for those who share a past with the people it is popular with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from recsys.dataset.data import Dataset, Holdout
from recsys.errors import BundleError
from recsys.metrics import hits, ndcg, top_matrix
from recsys.models.by_score import top_by_score
from recsys.models.files import load_arrays, save_arrays
from recsys.models.item_item import sample
from recsys.models.one_ranking import Asked, best_half_life
from recsys.models.popular import decayed_counts
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register, save_recipe
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

NEVER = 36_500.0  # days: a half-life at which hardly anything decays
DEFAULT_HALF_LIFE = 30.0
MINUTE, HOUR = 1 / 1_440, 1 / 24  # days
HALF_LIVES = (
    *(NEVER, 365.0, 90.0, 30.0, 14.0, 7.0, 4.0, 2.0, 1.0, 12 * HOUR, 6 * HOUR, 3 * HOUR, 90 * MINUTE),
    *(60 * MINUTE, 30 * MINUTE, 20 * MINUTE, 10 * MINUTE, 5 * MINUTE, 3 * MINUTE, 2 * MINUTE),
)  # long first: of equals it forgets the least
LONGER = (16.0, 4.0, 64.0)  # half-lives of the audience, in those of popularity; the first is the default
STRENGTHS = (0.25, 0.1, 0.5, 1.0)  # the first is the default
LONGER_SHARE = 0.01  # of popularity at the audience's half-life, so that no work of late is out of reach
RARE = 10.0  # people who know a work, at which it counts half as a sign
_FORGOTTEN = 12  # half-lives after which an event says nothing of an audience
_PLACES = 10  # quality is NDCG at this many


@register("audience")
class Audience(Recipe):
    """Naive Bayes of who comes for what: popularity of late times the lift of every work of a history.

    The score of work b after a history A is log P(b) + strength / |A|^spread * sum over a of log (P(a | b) / P(a)).
    P(b) is b's share of liked events, each halved once per ``half_life_days`` of age. P(a | b) is the share of those
    who know a among the people who came for b, each by ``audience_half_life_days``, smoothed by ``prior`` imagined
    people who are like everyone: so a work that is new says little (Manning et al. 2008, ch. 13). The sum is tempered
    because works of a history are not independent, and a work that few know counts less in it. Without a history it is
    popularity.

    Only the ``targets`` most popular works have an audience. What is None is chosen on the holdout; without one it is
    30 days, sixteen times the half-life of popularity, and 0.25. It suits logs in which works come and go by the hour,
    where factors of a work are known only when it is old.
    """

    half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    audience_half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    strength: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    spread: float = Field(default=0.5, ge=0, le=1)
    prior: float = Field(default=50.0, gt=0, allow_inf_nan=False)
    targets: PositiveInt = 1_000

    def fit(self, data: Dataset, ctx: FitContext) -> "AudienceModel":
        """Fit on positive events; what is None is chosen by NDCG at 10 on a sample of the holdout.

        A half-life is chosen by popularity alone and first, because the audience's is a multiple of it.
        """
        holdout = ctx.holdout if ctx.holdout is not None and len(ctx.holdout) else None
        timed = bool(np.isfinite(data.time).any())
        recipe = self
        if recipe.half_life_days is None:
            days = _half_life(data, holdout) if timed and holdout else DEFAULT_HALF_LIFE if timed else NEVER
            recipe = recipe.model_copy(update={"half_life_days": days})
        first = recipe._first(timed)
        if holdout is None:
            return _model(first, data)
        return _best(first, recipe._choices(), data, replace(ctx, holdout=sample(holdout)))

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Map what ``AudienceModel.save`` wrote; BundleError where the folder holds a model of another recipe."""
        recipe = load_recipe(folder)
        if not isinstance(recipe, Audience):
            raise BundleError(f"{folder} holds a {recipe.name}, not an audience model; publish the bundle again.")
        popularity, credit, size, indptr, columns, values = load_arrays(
            folder, "popularity", "credit", "size", "indptr", "columns", "values"
        )
        lift = sp.csr_matrix((values, columns, indptr), shape=(len(popularity), len(popularity)), copy=False)
        return AudienceModel(recipe, popularity, Lift(lift, credit, size))

    def _first(self, timed: bool) -> "Audience":
        """With the default of every open field but the half-life."""
        days = self.half_life_days or NEVER
        longer = self.audience_half_life_days or (min(days * LONGER[0], NEVER) if timed else NEVER)
        strength = STRENGTHS[0] if self.strength is None else self.strength
        return self.model_copy(update={"audience_half_life_days": longer, "strength": strength})

    def _choices(self) -> list[list[dict[str, float]]]:
        """What else the open fields may be, one field after the other."""
        days = self.half_life_days or NEVER
        longer = [] if self.audience_half_life_days or days >= NEVER else [min(days * times, NEVER) for times in LONGER]
        strengths = STRENGTHS if self.strength is None else ()
        return [[{"audience_half_life_days": d} for d in longer[1:]], [{"strength": s} for s in strengths[1:]]]


@dataclass(frozen=True, eq=False)
class Lift:
    """log (P(a | b) / P(a)) as a sparse part and what is the same for every a: ``credit[a] * size[b]``."""

    rows: sp.csr_matrix  # (items, items) a row a; nothing where nobody who came for b knows a
    credit: FloatArray  # (items,) from 0 to 1, how much a work counts as a sign
    size: FloatArray  # (items,) at most 0, the lower the larger b's audience


class AudienceModel:
    """One ranking for everyone, and what each work of a history adds to it."""

    def __init__(self, recipe: Audience, popularity: FloatArray, lift: Lift) -> None:
        self.recipe: Recipe = recipe
        self.audience = recipe
        self.popularity = popularity  # (items,) log of shares, -inf where an item has no liked event
        self.lift = lift

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        """By popularity and the lift of the history."""
        return top_by_score(self, len(self.popularity), queries, n, allowed, exclude)

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        """(queries, items) log popularity plus the tempered lift of the history; -inf for items nobody liked."""
        n_items = len(self.popularity)
        own = [np.unique(query.items[query.items < n_items]) for query in queries]
        indptr = np.concatenate([[0], np.cumsum([len(known) for known in own])]).astype(np.int32)
        columns = np.concatenate([*own, np.zeros(0, np.int32)]).astype(np.int32)
        ones = np.ones(len(columns), np.float32)
        histories = sp.csr_matrix((ones, columns, indptr), shape=(len(queries), n_items))
        credit = np.asarray(histories @ self.lift.credit, np.float32)  # (queries,)
        raised = (histories @ self.lift.rows).toarray()[:, items] + credit[:, None] * self.lift.size[items]
        weight = (self.audience.strength or 0.0) * np.maximum(credit, 1.0) ** -self.audience.spread
        return np.asarray(self.popularity[items] + weight[:, None] * raised, np.float32)

    def save(self, folder: Path) -> None:
        rows = self.lift.rows
        arrays = {"indptr": rows.indptr, "columns": rows.indices, "values": rows.data}
        save_arrays(folder, popularity=self.popularity, credit=self.lift.credit, size=self.lift.size, **arrays)
        save_recipe(self.recipe, folder)


def _model(recipe: Audience, data: Dataset) -> "AudienceModel":
    shares = [_shares(data, days or NEVER) for days in (recipe.half_life_days, recipe.audience_half_life_days)]
    mixed = (1.0 - LONGER_SHARE) * shares[0] + LONGER_SHARE * shares[1]
    with np.errstate(divide="ignore"):
        popularity = np.log(mixed).astype(np.float32)
    return AudienceModel(recipe, popularity, _lift(recipe, data, mixed))


def _shares(data: Dataset, half_life_days: float) -> FloatArray:
    counts = decayed_counts(data, half_life_days)
    return counts / max(float(counts.sum()), 1e-30)


def _lift(recipe: Audience, data: Dataset, popularity: FloatArray) -> Lift:
    target = np.zeros(data.n_items, np.bool_)
    target[np.argsort(-popularity, kind="stable")[: recipe.targets]] = True
    age = data.ages_days / (recipe.audience_half_life_days or NEVER)
    heard = np.asarray(data.positive) & target[data.item] & (age <= _FORGOTTEN)
    came = data.subset(heard).matrix(weight=np.exp2(-age[heard]).astype(np.float32))  # (users, items)
    comes = np.diff(came.indptr) > 0  # (users,)
    there = np.flatnonzero(comes)
    came = came[there]
    past = data.subset(comes[data.user]).matrix()[there]  # (those who came, items)
    past.data[:] = 1.0
    both = (past.T @ came).tocsr()  # (items, items) people who came for the column and know the row
    both.setdiag(0.0)
    both.eliminate_zeros()
    both.sort_indices()
    people = np.bincount(came.indices, came.data, data.n_items)
    known = np.asarray(both.sum(axis=1), np.float64).ravel()
    share = np.repeat(known / max(float(people.sum()), 1e-30), np.diff(both.indptr))  # P(a) of each entry
    credit = known / (known + RARE)
    both.data = np.log1p(both.data / (recipe.prior * share)) * np.repeat(credit, np.diff(both.indptr))
    size = np.log(recipe.prior / (people + recipe.prior))
    return Lift(both.astype(np.float32), credit.astype(np.float32), size.astype(np.float32))


def _half_life(data: Dataset, holdout: Holdout) -> float:
    """The best for popularity alone."""
    asked = Asked.of(holdout.truth, holdout.exclude)
    gains = [asked.gains(decayed_counts(data, half_life)) for half_life in HALF_LIVES]
    return best_half_life(HALF_LIVES, np.stack(gains))


def _best(
    first: Audience, choices: Sequence[Sequence[dict[str, float]]], data: Dataset, ctx: FitContext
) -> AudienceModel:
    """One field after the other, changed only where that is better by more than the standard error."""
    model, holdout = _model(first, data), ctx.holdout
    if holdout is None:
        raise TypeError("audience chooses on a holdout.")
    for fields in choices:
        if ctx.late:
            break
        base = _gains(model, holdout)
        now, quality = model, 0.0
        for field in fields:
            recipe = now.audience.model_copy(update=field)
            other = AudienceModel(recipe, now.popularity, now.lift) if "strength" in field else _model(recipe, data)
            better = _gains(other, holdout) - base
            if better.mean() > max(quality, float(better.std() / np.sqrt(len(better)))):
                quality, model = float(better.mean()), other
    return model


def _gains(model: AudienceModel, holdout: Holdout) -> NDArray[np.float64]:
    """(queries,) NDCG."""
    everything = np.ones(len(model.popularity), np.bool_)
    lists = model.top(holdout.queries, _PLACES, everything, holdout.exclude)
    n_truth = np.fromiter((len(truth) for truth in holdout.truth), np.int32, len(holdout))
    return np.asarray(ndcg(hits(top_matrix(lists, _PLACES), holdout.truth), n_truth, _PLACES), np.float64)
