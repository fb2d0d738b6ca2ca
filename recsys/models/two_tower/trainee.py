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
from recsys.models.two_tower.validation import Validation
from recsys.nn.adam import RowAdam
from recsys.nn.losses import full_softmax, sampled_softmax
from recsys.nn.packing import Bags, Index, spans
from recsys.nn.sampling import Sampler

if TYPE_CHECKING:
    from recsys.models.two_tower.recipe import TwoTower

EXACT = 16  # times `negatives`: up to so many items scoring all of them costs no more than gathering a sample


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """A batch in the numbering of the item rows that it touches."""

    rows: Tensor | None  # (local items,) int64 ascending; None: all items
    content: towers.Content
    history: Bags
    row: Tensor  # (pairs,)
    target: Tensor  # (pairs,)
    drawn: Tensor  # (candidates,) ascending: what the targets compete with
    log_expected: Tensor | None  # (candidates,) None: the candidates are all items with an event


class TowersTrainee:
    """Tables, optimiser and examples of one fit on one device."""

    def __init__(
        self, data: Dataset, content: sp.csr_matrix, tokens: ProfileTokens, recipe: "TwoTower", ctx: FitContext
    ) -> None:
        self._recipe, self._device, self._rows, self.tokens = recipe, ctx.device, content, tokens
        self._returns = data.returns
        self._generator = torch.Generator().manual_seed(ctx.seed)
        counts = np.bincount(data.item, minlength=data.n_items)
        liked = np.bincount(np.asarray(data.item)[np.asarray(data.positive)], minlength=data.n_items)
        self._sampler = Sampler(torch.from_numpy(np.where(counts > 0, liked + 1, 0)))
        self._candidates = torch.from_numpy(np.flatnonzero(counts > 0))
        self.abstains = torch.from_numpy((counts == 0) & (np.diff(content.indptr) == 0)).to(ctx.device)
        shape = (data.n_items, content.shape[1], len(tokens))
        tables = towers.new_tables(shape, recipe.factors, torch.from_numpy(counts > 0), self._generator)
        tables = {name: table.to(ctx.device) for name, table in tables.items()}
        self.adam = RowAdam(tables, recipe.learning_rate, recipe.reg)
        self._examples = Examples(data, recipe.max_history, recipe.in_order, ctx.rng())
        self.content = towers.Content.of(content, ctx.device)
        self.steps = torch.from_numpy(recency_steps(recipe.max_history)).to(ctx.device)
        self._profiles = tokens.packed([data.profile(user) for user in range(data.n_users)])
        asked = ctx.holdout is not None and len(ctx.holdout) > 0
        self._validation = Validation(ctx.holdout, recipe.max_history, ctx.rng()) if asked and ctx.holdout else None

    @property
    def exact(self) -> bool:
        """Whether targets compete with every item instead of a sample."""
        return len(self._candidates) <= EXACT * self._recipe.negatives

    def batches(self) -> Iterator[Batch]:
        return self._examples.epoch(self._recipe.batch_size)

    def weights(self) -> dict[str, Tensor]:
        return self.adam.tables

    def update(self, batch: Batch) -> float:
        problem = self._whole(batch) if self.exact else self._sampled(batch)
        leaves = [self.adam.leaf(name, problem.rows if name in towers.BY_ITEM else None) for name in self.adam.tables]
        loss = self._loss(problem, {leaf.name: leaf.values for leaf in leaves}, self._of_users(batch.users))
        self.adam.step(loss, leaves)
        return float(loss.detach())

    def validate(self) -> float | None:
        if self._validation is None:
            return None
        tables = self.adam.tables
        inputs = towers.item_inputs(tables, self.content)
        vectors, bias = towers.item_outputs(tables, self.content)
        bias = bias.masked_fill(self.abstains, -torch.inf)

        def scores(history: Bags, profiles: list[Mapping[str, str]]) -> Tensor:
            packed = self._with_everyone(*self.tokens.packed(profiles))
            asked = towers.queries(tables, inputs, history.to(self._device), self.steps, packed)
            return asked @ vectors.T / self._recipe.temperature + bias

        return self._validation.ndcg(scores)

    def _whole(self, batch: Batch) -> _Problem:
        drawn = self._candidates.to(self._device)
        return _Problem(
            None,
            self.content,
            batch.history.to(self._device),
            batch.row.to(self._device),
            batch.target.to(self._device),
            drawn,
            None,
        )

    def _sampled(self, batch: Batch) -> _Problem:
        negatives = self._sampler.draw(self._recipe.negatives, self._generator)
        touched = torch.cat([batch.history.items, batch.target, negatives.items])
        rows = torch.from_numpy(np.unique(touched.numpy()))
        content = towers.Content.of(self._rows[rows.numpy()], self._device)
        old = batch.history
        history = Bags(torch.searchsorted(rows, old.items), old.row, old.place, old.weight, old.rows)
        local = (batch.row, torch.searchsorted(rows, batch.target), torch.searchsorted(rows, negatives.items))
        row, target, drawn = (part.to(self._device) for part in local)
        log_expected = negatives.log_expected.to(self._device)
        return _Problem(rows.to(self._device), content, history.to(self._device), row, target, drawn, log_expected)

    def _loss(self, problem: _Problem, tables: towers.Tables, profile: tuple[Tensor, Tensor]) -> Tensor:
        inputs = towers.item_inputs(tables, problem.content)
        asked = self._dropped(towers.queries(tables, inputs, problem.history, self.steps, profile))
        keep = self._coins((len(inputs), 1), self._recipe.id_dropout)
        vectors, bias = towers.item_outputs(tables, problem.content, keep)
        row, target, drawn = problem.row, problem.target, problem.drawn
        against = asked @ vectors[drawn].T / self._recipe.temperature + bias[drawn]  # (rows, candidates)
        if not self._returns:  # what a user has met is no candidate
            met = cells(drawn, problem.history.items, problem.history.row, len(asked))
            against = against.masked_fill(met, -torch.inf)
        if problem.log_expected is None:
            losses = full_softmax(against, row, torch.searchsorted(drawn, target))
        else:
            positive = (asked[row] * vectors[target]).sum(1) / self._recipe.temperature + bias[target]
            own = cells(drawn, target, row, len(asked))
            losses = sampled_softmax(positive, against, row, problem.log_expected, own)
        share = torch.bincount(row, minlength=len(asked))[row].float().rsqrt()  # a busy user counts, but not in full
        return (losses * share).sum() / share.sum()

    def _dropped(self, asked: Tensor) -> Tensor:
        return asked * self._coins(asked.shape, self._recipe.dropout) / (1 - self._recipe.dropout)

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
