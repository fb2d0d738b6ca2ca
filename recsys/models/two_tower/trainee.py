"""The towers as something the fit loop can fit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recsys.dataset.data import Dataset
from recsys.models.recipe import FitContext
from recsys.models.two_tower import towers
from recsys.models.two_tower.examples import Batch, Examples
from recsys.models.two_tower.profiles import ProfileTokens
from recsys.models.two_tower.recency import recency_steps
from recsys.nn.adam import RowAdam
from recsys.nn.average import RunningMean
from recsys.nn.losses import full_softmax, sampled_softmax
from recsys.nn.packing import Bags, Index, pack_queries, spans
from recsys.nn.sampling import Sampler
from recsys.nn.sparse import SparseRows
from recsys.nn.validation import Validation
from recsys.types import Query

if TYPE_CHECKING:
    from recsys.models.two_tower.recipe import TwoTower

Asked = tuple[Bags, list[Mapping[str, str]]]  # histories and profiles of some queries
EXACT = 8  # times `negatives`: up to so many items all of them are scored; beyond, a sample learns faster a second


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """A batch in the numbering of the item rows that it touches."""

    rows: Tensor | None  # (local items,) int64 ascending; None: all items
    content: SparseRows
    history: Bags
    row: Tensor  # (pairs,)
    target: Tensor  # (pairs,)
    drawn: Tensor  # (candidates,) ascending: what the targets compete with
    log_expected: Tensor | None  # (candidates,) None: the candidates are all items with an event


@dataclass(frozen=True, slots=True, eq=False)
class Ingredients:
    """What every try of one fit shares."""

    data: Dataset
    content: sp.csr_matrix  # (items, features)
    tokens: ProfileTokens


class TowersTrainee:
    """Tables, optimiser and examples of one fit on one device."""

    def __init__(self, given: Ingredients, recipe: "TwoTower", ctx: FitContext) -> None:
        data, self._rows, self.tokens = given.data, given.content, given.tokens
        self._recipe, self._device, self._returns = recipe, ctx.device, data.returns
        counts = np.bincount(data.item, minlength=data.n_items)
        liked = np.bincount(np.asarray(data.item)[np.asarray(data.positive)], minlength=data.n_items)
        self._sampler = Sampler(torch.from_numpy(np.where(counts > 0, liked + 1, 0)))
        self._candidates = torch.from_numpy(np.flatnonzero(counts > 0)).to(ctx.device)
        self.abstains = torch.from_numpy((counts == 0) & (np.diff(self._rows.indptr) == 0)).to(ctx.device)
        self.content = SparseRows(self._rows, ctx.device)
        self.steps = torch.from_numpy(recency_steps(recipe.max_history)).to(ctx.device)
        self._generator = torch.Generator().manual_seed(ctx.seed)
        shape = (data.n_items, self._rows.shape[1], len(self.tokens))
        tables = towers.new_tables(shape, recipe.factors, torch.from_numpy(counts > 0), self._generator)
        self.adam = RowAdam(
            {name: table.to(ctx.device) for name, table in tables.items()}, recipe.learning_rate, recipe.reg
        )
        self.mean = RunningMean(self.adam.tables)
        self._examples = Examples(data, recipe.max_history, recipe.in_order or 0.0, ctx.rng())
        self._profiles = self.tokens.packed([data.profile(user) for user in range(data.n_users)])
        holdout = ctx.holdout if ctx.holdout is not None and len(ctx.holdout) > 0 else None
        self._validation = Validation(holdout, self._pack, ctx.rng()) if holdout is not None else None

    @property
    def exact(self) -> bool:
        """Whether targets compete with every item instead of a sample."""
        return len(self._candidates) <= EXACT * self._recipe.negatives

    def batches(self) -> Iterator[Batch]:
        """One epoch; when it is over, its weights enter the mean."""
        before = self.adam.steps
        yield from self._examples.epoch(self._recipe.batch_size)
        self.mean.add(self.adam.tables, self.adam.steps - before)

    def weights(self) -> dict[str, Tensor]:
        """The mean weights, which are validated and kept."""
        return self.mean.tables

    def update(self, batch: Batch) -> float:
        problem = self._whole(batch) if self.exact else self._sampled(batch)
        leaves = [self.adam.leaf(name, problem.rows if name in towers.BY_ITEM else None) for name in self.adam.tables]
        loss = self._loss(problem, {leaf.name: leaf.values for leaf in leaves}, self._of_users(batch.users))
        self.adam.step(loss, leaves)
        return float(loss.detach())

    def validate(self) -> float | None:
        """NDCG@10 of the averaged weights on the holdout, None where there is none."""
        if self._validation is None:
            return None
        tables = self.weights()
        items = towers.items(tables, self.content)
        bias = items.bias.masked_fill(self.abstains, -torch.inf)

        def scores(packed: Asked) -> Tensor:
            history, profiles = packed
            profile = self._with_everyone(*self.tokens.packed(profiles))
            asked = towers.queries(tables, items.inputs, history.to(self._device), self.steps, profile)
            return asked @ items.vectors.T / self._recipe.temperature + bias

        return self._validation.ndcg(scores)

    def _pack(self, queries: list[Query]) -> Asked:
        return pack_queries(queries, self._recipe.max_history), [query.profile for query in queries]

    def _whole(self, batch: Batch) -> _Problem:
        return _Problem(
            None,
            self.content,
            batch.history.to(self._device),
            batch.row.to(self._device),
            batch.target.to(self._device),
            self._candidates,
            None,
        )

    def _sampled(self, batch: Batch) -> _Problem:
        negatives = self._sampler.draw(self._recipe.negatives, self._generator)
        touched = torch.cat([batch.history.items, batch.target, negatives.items])
        rows = torch.from_numpy(np.unique(touched.numpy()))
        content = SparseRows(self._rows[rows.numpy()], self._device)
        old = batch.history
        history = Bags(torch.searchsorted(rows, old.items), old.row, old.place, old.weight, old.rows)
        local = (batch.row, torch.searchsorted(rows, batch.target), torch.searchsorted(rows, negatives.items))
        row, target, drawn = (part.to(self._device) for part in local)
        log_expected = negatives.log_expected.to(self._device)
        return _Problem(rows.to(self._device), content, history.to(self._device), row, target, drawn, log_expected)

    def _loss(self, problem: _Problem, tables: towers.Tables, profile: tuple[Tensor, Tensor]) -> Tensor:
        history, row, target, drawn = problem.history, problem.row, problem.target, problem.drawn
        keep = self._coins((len(tables["item_out"]), 1), self._recipe.id_dropout)
        items = towers.items(tables, problem.content, keep)
        asked = towers.queries(tables, items.inputs, history, self.steps, profile)  # (rows, d)
        asked = asked * self._coins(asked.shape, self._recipe.dropout) / (1 - self._recipe.dropout)
        asked = asked / self._recipe.temperature
        # index_select, not [index]: the backward of that adds up repeats in any order, and a seed would not be enough
        candidates, bias = items.vectors.index_select(0, drawn), items.bias.index_select(0, drawn)
        against = asked @ candidates.T + bias  # (rows, candidates)
        if not self._returns:  # what a user has met is no candidate
            against = against.masked_fill(cells(drawn, history.items, history.row, len(asked)), -torch.inf)
        if problem.log_expected is None:
            losses = full_softmax(against, row, torch.searchsorted(drawn, target))
        else:
            liked = items.vectors.index_select(0, target)  # (targets, d)
            positive = (asked.index_select(0, row) * liked).sum(1) + items.bias.index_select(0, target)
            own = cells(drawn, target, row, len(asked))
            losses = sampled_softmax(positive, against, row, problem.log_expected, own)
        share = torch.bincount(row, minlength=len(asked))[row].float().rsqrt()  # a busy user counts, but not in full
        return (losses * share).sum() / share.sum()

    def _coins(self, shape: tuple[int, ...], dropout: float) -> Tensor:
        """1 to keep, 0 with probability ``dropout``."""
        return (torch.rand(shape, generator=self._generator) >= dropout).float().to(self._device)

    def _of_users(self, users: Index) -> tuple[Tensor, Tensor]:
        """The packed profile tokens of users (rows,)."""
        tokens, start = self._profiles
        entries, row = spans(start[users], start[users + 1])
        ends = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(users)))])
        return self._with_everyone(tokens[entries], ends)

    def _with_everyone(self, tokens: Index, start: Index) -> tuple[Tensor, Tensor]:
        """Packed tokens and offsets with the token of every query behind each profile's own."""
        whole = np.insert(tokens, start[1:], len(self.tokens))
        offsets = start[:-1] + np.arange(len(start) - 1)
        return torch.from_numpy(whole).to(self._device), torch.from_numpy(offsets).to(self._device)


def cells(drawn: Tensor, items: Tensor, row: Tensor, rows: int) -> Tensor:
    """(rows, drawn) True where an item (entries,) of that row is among the ascending ``drawn`` (drawn,)."""
    at = torch.searchsorted(drawn, items).clamp_max(len(drawn) - 1)
    found = drawn[at] == items
    marks = torch.zeros((rows, len(drawn)), dtype=torch.bool, device=drawn.device)
    marks[row[found], at[found]] = True
    return marks
