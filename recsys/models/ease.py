"""Item-item weights in closed form: each item explained by all others, or by those that came before it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, product
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from pydantic import Field
from threadpoolctl import threadpool_limits

from recsys.dataset.data import Dataset, Holdout
from recsys.errors import FitError
from recsys.metrics.accuracy import mean_ndcg, top_matrix
from recsys.models.als import noise_edge
from recsys.models.files import load_arrays
from recsys.models.holdout import by_which_events
from recsys.models.item_item import Dense, ItemItemModel, decays, history, places, sample
from recsys.models.recency import NEVER_EVENTS, Decay
from recsys.models.recipe import FitContext, Model, Recipe, load_recipe, register
from recsys.models.ridge import Ridge
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray, Ranked

SHARES = (20.0, 10.0, 40.0, 80.0)  # reg as a multiple of the noise edge; the first is the default
POPULARITY = (0.0, 0.1, 0.2)
_REACH = 20  # a later item is explained by at most so many events before it
_PLACES = 10  # settings are compared by NDCG at this many
_CHUNK = 500  # queries asked, or rows held, at once
_FULL, _MANY = 0.2, 400  # share of all pairs and rows from which a dense product takes less time than a sparse one


@register("ease")
class EASE(Recipe):
    """Ridge regression of every item on all others (Steck 2019), in one closed form.

    It learns from positive events or from all of them, each pair of user and item once; a query counts by its
    weights, decayed by both half-lives. With ``forward`` an item is regressed only on what the same user had before
    it, nearer events counting more by ``half_life_events`` (as the linear transitions of Choi et al. 2021). ``reg`` is
    added to the diagonal of the Gram matrix, times the item's share of the mean number of events to ``reg_power``;
    users count by their number of items to the power ``-2 * user_power``; a score is divided by the item's number of
    events to the power ``popularity``. What is None is chosen on the holdout; without one reg follows from the
    density of the data, positive events count alone, and nothing is decayed, forward or divided.

    The peak of memory is one float32 array of known items x known items, some 1,000 rows of it, and the sparse counts
    of pairs, and another such array where ``positives_only`` is chosen; FitError where one exceeds ``memory_gb``. An
    item without a training event is abstained from, and so is a query of such items only.
    """

    reg: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    half_life_events: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    forward: bool | None = None
    popularity: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    user_power: float = Field(default=0.25, ge=0, allow_inf_nan=False)
    reg_power: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    memory_gb: float = Field(default=4.0, gt=0)  # 1e9 bytes
    positives_only: bool | None = None

    def fit(self, data: Dataset, ctx: FitContext) -> Model:
        """Fit the closed form; what is None is chosen on a sample of the holdout from one Gram matrix.

        Raises FitError where the matrix of known items would exceed ``memory_gb``.
        """
        if self.positives_only is None:
            return by_which_events(self, data, ctx, {"reg": self.reg})
        keep = np.asarray(data.positive) if self.positives_only else np.ones(data.n_events, np.bool_)
        known = np.bincount(data.item[keep], minlength=data.n_items) > 0
        check_memory(int(known.sum()), self.memory_gb)
        with threadpool_limits(ctx.threads or None, "blas"):
            task = _Task.of(data.subset(keep), known, self.user_power)
            ridge = Ridge(task.events)
            choices = self._choices(data, noise_edge(task.events))
            recipe = choices[0]
            if ctx.holdout is not None and len(ctx.holdout) > 0 and len(choices) > 1:
                recipe = _best(choices, task, ridge, replace(ctx, holdout=sample(ctx.holdout)))
            matrix = _weights(recipe, task, ridge)
        return ItemItemModel(recipe, Dense(matrix), known, _decay(recipe))

    @classmethod
    def load(cls, folder: Path) -> Model:
        matrix, known = load_arrays(folder, "matrix", "known")
        recipe = load_recipe(folder)
        return ItemItemModel(recipe, Dense(matrix), known, _decay(recipe))

    def _choices(self, data: Dataset, edge: float) -> list["EASE"]:
        """What the open fields may be, the default first; those of one ``reg`` stand together."""
        regs = [self.reg] if self.reg else [share * edge for share in SHARES]
        directions = [self.forward] if self.forward is not None else [False, True]
        powers = POPULARITY if self.popularity is None else [self.popularity]
        choices = []
        for reg, forward, decay, popularity in product(
            regs, directions, decays(data, self.half_life_days, self.half_life_events), powers
        ):
            # without a half-life of events all pairs in reach would count alike, which no data preferred
            if self.forward is None and forward and decay.events >= NEVER_EVENTS:
                continue
            fields = {"half_life_days": decay.days, "half_life_events": decay.events}
            choices.append(self.model_copy(update={**fields, "reg": reg, "forward": forward, "popularity": popularity}))
        return choices


@dataclass(frozen=True, eq=False)
class _Task:
    """The training events over known items only."""

    known: BoolArray  # (items,)
    events: sp.csr_matrix  # (users, known) each pair of user and item once, at the weight of the user
    user: IntArray  # (events,) oldest first within a user
    item: IntArray  # (events,) places among the known items
    weight: FloatArray  # (users,)
    count: FloatArray  # (known,) users of each item

    @classmethod
    def of(cls, data: Dataset, known: BoolArray, user_power: float) -> "_Task":
        """The events of ``data`` on ``known`` (items,), a user counting by length ** (-2 * ``user_power``)."""
        item = places(known)[data.item]
        size = (data.n_users, int(known.sum()))
        events = sp.csr_matrix((np.ones(len(item), np.float32), (data.user, item)), shape=size)
        events.sum_duplicates()
        events.data[:] = 1.0
        length = np.diff(events.indptr)  # (users,)
        weight = np.maximum(length, 1.0) ** -user_power
        # the mean energy of an event stays 1, so that reg means the same whatever the power
        weight /= np.sqrt((length * weight**2).sum() / max(1, length.sum())) if len(item) else 1.0
        count = np.bincount(events.indices, minlength=size[1]).astype(np.float32)
        events.data *= np.repeat(weight, length).astype(np.float32)
        return cls(known, events, data.user, item, weight.astype(np.float32), count)

    def pairs(self, half_life: float) -> sp.csr_matrix:
        """(known, known) how often each column came after each row, halved for every ``half_life`` events between."""
        total = sp.csr_matrix((self.events.shape[1],) * 2, dtype=np.float32)
        for gap in range(1, _REACH + 1):
            same = self.user[gap:] == self.user[:-gap]
            value = self.weight[self.user[gap:][same]] ** 2 * np.float32(0.5 ** ((gap - 1) / half_life))
            places = (self.item[:-gap][same], self.item[gap:][same])
            total += sp.csr_matrix((value, places), shape=total.shape, dtype=np.float32)
        return total

    def penalty(self, recipe: EASE) -> FloatArray:
        """(known,) what is added to the diagonal of the Gram matrix: ``reg`` for an item of mean size."""
        share = self.count / max(float(self.count.mean()), 1.0) if len(self.count) else self.count
        return np.asarray((recipe.reg or 0.0) * share**recipe.reg_power, np.float32)

    def scale(self, popularity: float) -> FloatArray:
        """(known,) what the scores of each item are multiplied by."""
        return np.asarray(self.count**-popularity, np.float32)


def check_memory(items: int, memory_gb: float) -> None:
    """FitError where one float32 array of ``items`` x ``items`` exceeds ``memory_gb``."""
    needed = 4 * items**2 / 1e9
    if needed > memory_gb:
        raise FitError(
            f"ease on {items:,} items needs an array of {needed:,.3g} GB and memory_gb allows {memory_gb:g}; "
            "raise memory_gb or use graph_filter."
        )


def _decay(recipe: Recipe) -> Decay:
    if not isinstance(recipe, EASE) or recipe.half_life_days is None or recipe.half_life_events is None:
        raise TypeError("A fitted ease needs a recipe of ease with both half-lives.")
    return Decay(recipe.half_life_days, recipe.half_life_events)


def _weights(recipe: EASE, task: _Task, ridge: Ridge) -> FloatArray:
    """(known, known) the item-item matrix, made in the buffer of ``ridge``: its diagonal is 0."""
    ridge.solve(task.penalty(recipe))
    pairs = task.pairs(recipe.half_life_events or NEVER_EVENTS) if recipe.forward else None
    offset = _offset(ridge, pairs)
    scale = task.scale(recipe.popularity or 0.0)
    matrix = ridge.release()
    for start in range(0, len(matrix), _CHUNK):
        rows = matrix[start : start + _CHUNK]  # the product of these rows needs no others
        rows[:] = _explained(rows, pairs, offset) * scale
    np.fill_diagonal(matrix, 0.0)
    return matrix


def _offset(ridge: Ridge, pairs: sp.csr_matrix | None) -> FloatArray:
    """(known,) the multipliers that hold the diagonal at 0."""
    if pairs is None:
        return 1.0 / ridge.diagonal()
    entries = pairs.tocoo()
    own = np.bincount(entries.col, entries.data * ridge.entries(entries.row, entries.col), pairs.shape[1])
    return np.asarray(own / ridge.diagonal(), np.float32)


def _explained(rows: FloatArray, pairs: sp.csr_matrix | None, offset: FloatArray) -> FloatArray:
    """Rows of the inverse, or weighted sums of them, as rows of the item-item matrix, but for what is on its diagonal.

    The matrix is P F - P diag(offset). Without ``pairs`` F is the Gram matrix, of which P F is the identity less
    reg P, and both terms of P fall into one.
    """
    if pairs is None:
        return -rows * offset
    return _times(rows, pairs) - rows * offset


def _times(rows: FloatArray, pairs: sp.csr_matrix) -> FloatArray:
    """(rows, known) @ (known, known); where many works follow many, block by block as if all did: it is quicker."""
    if len(rows) < _MANY or pairs.nnz < _FULL * pairs.shape[0] * pairs.shape[1]:
        return np.asarray((pairs.T @ rows.T).T, np.float32)
    product, columns = np.empty_like(rows), pairs.tocsc()
    for start in range(0, pairs.shape[1], _CHUNK):
        part = slice(start, start + _CHUNK)
        product[:, part] = rows @ columns[:, part].toarray()
    return product


def _best(choices: Sequence[EASE], task: _Task, ridge: Ridge, ctx: FitContext) -> EASE:
    """The choice with the best NDCG, the earlier one of equals: all at the default ``reg``, its best at the others."""
    holdout = ctx.holdout
    if holdout is None:
        raise TypeError("ease chooses on a holdout.")
    regs = list(dict.fromkeys(choice.reg for choice in choices))
    alike = [choice for choice in choices if choice.reg == regs[0]]
    ridge.solve(task.penalty(alike[0]))
    quality: dict[EASE, float] = {}
    for half_life, group in groupby(alike, _pairing):
        if quality and ctx.late:
            break
        pairs = None if half_life is None else task.pairs(half_life)
        quality.update(_qualities(list(group), task, ridge, pairs, holdout))
    best = max(quality, key=lambda choice: quality[choice])
    half_life = _pairing(best)
    pairs = None if half_life is None else task.pairs(half_life)
    for reg in regs[1:]:
        if ctx.late:
            break
        other = best.model_copy(update={"reg": reg})
        ridge.solve(task.penalty(other))
        quality.update(_qualities([other], task, ridge, pairs, holdout))
    return max(quality, key=lambda choice: quality[choice])


def _pairing(recipe: EASE) -> float | None:
    """What its pairs depend on; None where they are not directed."""
    return recipe.half_life_events if recipe.forward else None


def _qualities(
    group: Sequence[EASE], task: _Task, ridge: Ridge, pairs: sp.csr_matrix | None, holdout: Holdout
) -> dict[EASE, float]:
    """NDCG of choices that share an inverse and pairs, on a holdout. No matrix is made."""
    offset, place = _offset(ridge, pairs), places(task.known)
    lists: dict[EASE, list[Ranked]] = {choice: [] for choice in group}
    for decay, start in product(dict.fromkeys(_decay(choice) for choice in group), range(0, len(holdout), _CHUNK)):
        asked = range(start, min(start + _CHUNK, len(holdout)))
        rows = np.zeros((len(asked), len(offset)), np.float32)  # (asked, known)
        for row, at in zip(rows, asked, strict=True):
            items, weights = history(holdout.queries[at], decay, place)
            row[items] = weights
        scores = _explained(ridge.times(rows), pairs, offset) + (rows if pairs is None else 0.0)
        exclude = [holdout.exclude[at] for at in asked]
        for choice in group:
            if _decay(choice) == decay:
                lists[choice] += _lists(scores * task.scale(choice.popularity or 0.0), task.known, exclude)
    return {choice: mean_ndcg(top_matrix(found, _PLACES), holdout.truth, _PLACES) for choice, found in lists.items()}


def _lists(scores: FloatArray, known: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
    whole = np.full((len(scores), len(known)), -np.inf, np.float32)
    whole[:, known] = scores
    return top_k(whole, _PLACES, known, exclude, EASE.name)
