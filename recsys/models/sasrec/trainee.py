"""The transformer as something the fit loop can fit, alone or with other processes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from recsys.dataset.data import Dataset
from recsys.errors import FitError
from recsys.models.recipe import FitContext
from recsys.models.sasrec import encoder
from recsys.models.sasrec.queries import packed
from recsys.models.sasrec.recipe import BATCH_EVENTS, SASRec
from recsys.models.sasrec.rows import Batch, Rows
from recsys.nn.adam import Leaf, RowAdam
from recsys.nn.average import RunningMean
from recsys.nn.checkpoint import Snapshot
from recsys.nn.chunked import Draws, chunked_full, chunked_sampled, halves
from recsys.nn.dropout import Dropout
from recsys.nn.packing import Index
from recsys.nn.ranks import Ranks
from recsys.nn.sampling import Negatives, Sampler
from recsys.nn.sparse import SparseRows
from recsys.nn.validation import Validation
from recsys.types import BoolArray, Query

EXACT = 8  # times `negatives`: up to so many items all of them are scored; beyond, a sample learns faster a second
_RECENT = 0.2  # of the steps so far are what the mean weights are of, at most
QUERIES = 4_000  # of the holdout, asked after each epoch


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The rows of one batch: those of all processes, and those that this one works on."""

    rows: Index
    own: Index


class Trainee:
    """Tables, optimiser and rows of one fit in one process.

    What is random in an epoch is drawn anew from the seed and the epoch's number, so that a fit which is taken up
    again goes on as it would have. Draws are the same in all processes, coins are not.
    """

    def __init__(self, data: Dataset, content: sp.csr_matrix | None, recipe: SASRec, ctx: FitContext, ranks: Ranks):
        self.rows = Rows(data, recipe.max_history)
        if not len(self.rows):
            raise FitError("sasrec has nothing to learn from: nobody liked anything new after a first event.")
        self._batch_size = recipe.batch_size or max(1, round(BATCH_EVENTS / self.rows.length.mean()))
        self.recipe = recipe.model_copy(update={"batch_size": self._batch_size})
        self._seed, self._device, self._ranks, self._epochs = ctx.seed, ctx.device, ranks, 0
        counts = np.bincount(data.item, minlength=data.n_items)
        liked = np.bincount(np.asarray(data.item)[np.asarray(data.positive)], minlength=data.n_items)
        self.known: BoolArray = counts > 0  # (items,)
        self._sampler = Sampler(torch.from_numpy(np.where(self.known, liked + 1, 0)))
        self._candidates = torch.from_numpy(np.flatnonzero(self.known)).to(ctx.device)
        self._place = torch.from_numpy(np.cumsum(self.known) - 1)  # (items,) where a candidate stands among them
        self._csr = content
        self.content = None if content is None else SparseRows(content, ctx.device)
        self.shape = _shape(recipe, data, content)
        tables = encoder.new_tables(self.shape, torch.from_numpy(self.known), self._generator(0))
        tables = {name: table.to(ctx.device) for name, table in tables.items()}
        self.adam = RowAdam(tables, recipe.learning_rate, recipe.reg, share=ranks.add_up)
        self.mean = RunningMean(tables, share=_RECENT)
        self._half = halves(ctx.device)
        asked = ctx.holdout if ctx.holdout is not None and len(ctx.holdout) > 0 else None
        self._validation = Validation(asked, self._pack, ctx.rng(), QUERIES) if asked is not None else None

    @property
    def exact(self) -> bool:
        """Whether targets compete with every item instead of a sample."""
        return len(self._candidates) <= EXACT * self.recipe.negatives

    def batches(self) -> Iterator[Step]:
        """One epoch; when it is over, its weights enter the mean."""
        before = self.adam.steps
        self._epochs += 1
        self._draws = self._generator(1)
        self._drop = Dropout(self.recipe.dropout, self._generator(2 + self._ranks.rank))
        rng = np.random.default_rng([self._seed, self._epochs])
        for rows in self.rows.epoch(self._batch_size, rng):
            yield Step(rows, rows[self._ranks.rank :: self._ranks.world])
        self.mean.add(self.adam.tables, self.adam.steps - before)

    def weights(self) -> dict[str, Tensor]:
        """The mean weights, which are validated and kept."""
        return self.mean.tables

    def update(self, batch: Step) -> float:
        """One step of Adam on a batch; gives this process' part of the mean loss of a pair."""
        idle = len(batch.own) == 0  # more processes than rows: go through the motions, without weight
        given = self.rows.batch(batch.rows[:1] if idle else batch.own)
        share = 0.0 if idle else 1.0 / float(self.rows.pairs[batch.rows].sum())
        if self.exact:
            leaves = [self.adam.leaf(name) for name in self.adam.tables]
            loss = self._full(given, {leaf.name: leaf.values for leaf in leaves}, share)
        else:
            loss, leaves = self._sampled(batch, given, share)
        self.adam.step(loss, leaves)
        told = loss.detach()
        self._ranks.add_up([told])
        return float(told)

    def validate(self) -> float | None:
        """NDCG@10 of the averaged weights on the holdout, None where there is none; all processes get the same."""
        if self._validation is None:
            return None
        if not self._ranks.leads:
            return self._ranks.agreed(0.0, self._device)
        tables = self.weights()
        vectors = encoder.items(tables, self.content)
        abstains = torch.from_numpy(self.abstains).to(self._device)

        def scores(packed: tuple[encoder.Tokens, Tensor]) -> Tensor:
            tokens, length = packed[0].to(self._device), packed[1].to(self._device)
            found = encoder.encode(tables, vectors, tokens, self.shape, _keep)
            last = found[torch.arange(len(length), device=length.device), (length - 1).clamp_min(0)]
            silent = (length == 0)[:, None] | abstains
            return (last @ vectors.T).masked_fill(silent, -torch.inf)

        with torch.no_grad():
            return self._ranks.agreed(self._validation.ndcg(scores), self._device)

    @property
    def abstains(self) -> BoolArray:
        """(items,) neither event nor content."""
        described = np.zeros_like(self.known) if self._csr is None else np.diff(self._csr.indptr) > 0
        return ~self.known & ~described

    def snapshot(self) -> Snapshot:
        """All that ``restore`` needs at the end of an epoch."""
        facts = {"epochs": self._epochs, "steps": self.adam.steps, "mean_steps": self.mean.steps}
        return Snapshot(self._tensors(), facts)

    def restore(self, saved: Snapshot) -> None:
        """Stand where ``snapshot`` was taken."""
        for name, tensor in self._tensors().items():
            tensor.copy_(saved.tensors[name])
        self._epochs, self.adam.steps = int(saved.facts["epochs"]), int(saved.facts["steps"])
        self.mean.steps = int(saved.facts["mean_steps"])

    def _tensors(self) -> dict[str, Tensor]:
        kinds = (self.adam.tables, self.adam.first, self.adam.second, self.mean.tables)
        named = zip(("table", "first", "second", "mean"), kinds, strict=True)
        return {f"{kind}.{name}": tensor for kind, tables in named for name, tensor in tables.items()}

    def _full(self, given: Batch, tables: encoder.Tables, share: float) -> Tensor:
        vectors = encoder.items(tables, self.content)
        asked = self._asked(given, tables, vectors, torch.from_numpy(given.item))
        target = self._place[torch.from_numpy(given.target)].to(self._device)
        everything = len(self._candidates) == len(vectors)
        candidates = vectors if everything else vectors.index_select(0, self._candidates)
        weight = asked.new_full((len(asked),), share)
        return chunked_full(asked, candidates, target, weight, half=self._half)

    def _sampled(self, batch: Step, given: Batch, share: float) -> tuple[Tensor, list[Leaf]]:
        negatives = self._sampler.draw(self.recipe.negatives, self._draws)
        # the rows of every process, so that all of them work on the same leaves
        whole = given if self._ranks.world == 1 else self.rows.batch(batch.rows)
        touched = np.concatenate([whole.item.ravel(), whole.target, negatives.items.numpy()])
        rows = np.flatnonzero(np.bincount(touched, minlength=self.shape.items))
        place = np.zeros(self.shape.items, np.int64)
        place[rows] = np.arange(len(rows))
        leaves = [
            self.adam.leaf(name, torch.from_numpy(rows).to(self._device) if name == "item" else None)
            for name in self.adam.tables
        ]
        tables = {leaf.name: leaf.values for leaf in leaves}
        vectors = encoder.items(tables, None if self._csr is None else SparseRows(self._csr[rows], self._device))
        asked = self._asked(given, tables, vectors, torch.from_numpy(place[given.item]))
        liked = vectors.index_select(0, torch.from_numpy(place[given.target]).to(self._device))
        drawn = vectors.index_select(0, torch.from_numpy(place[negatives.items.numpy()]).to(self._device))
        weight = asked.new_full((len(asked),), share)
        draws = self._placed(negatives, given.target)
        return chunked_sampled(asked, liked, drawn, draws, weight, half=self._half), leaves

    def _asked(self, given: Batch, tables: encoder.Tables, vectors: Tensor, item: Tensor) -> Tensor:
        """(pairs, d) what is asked for where there is a target."""
        tokens = encoder.Tokens(item, torch.from_numpy(given.place), torch.from_numpy(given.gap)).to(self._device)
        found = encoder.encode(tables, vectors, tokens, self.shape, self._drop)
        return found.reshape(-1, found.shape[2]).index_select(0, torch.from_numpy(given.at).to(self._device))

    def _placed(self, negatives: Negatives, target: Index) -> Draws:
        drawn = negatives.items.numpy()
        at = np.minimum(np.searchsorted(drawn, target), len(drawn) - 1)
        own = torch.from_numpy(np.where(drawn[at] == target, at, -1))
        return Draws(negatives.log_expected.to(self._device), own.to(self._device))

    def _generator(self, stream: int) -> torch.Generator:
        """A generator of its own for each epoch and purpose; the same wherever the fit is taken up."""
        epoch = self._epochs if stream else 0
        drawn = np.random.SeedSequence([self._seed, epoch, stream]).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(drawn[0] >> np.uint64(1)))

    def _pack(self, queries: list[Query]) -> tuple[encoder.Tokens, Tensor]:
        """The newest known events of each query, and how many there are (queries,)."""
        return packed(queries, self.known, self.recipe.max_history)


def _shape(recipe: SASRec, data: Dataset, content: sp.csr_matrix | None) -> encoder.Shape:
    return encoder.Shape(
        items=data.n_items,
        features=0 if content is None else content.shape[1],
        factors=recipe.factors,
        blocks=recipe.blocks,
        heads=recipe.heads,
        inner=recipe.inner,
        places=recipe.max_history,
        timed=recipe.times and not np.isnan(data.time).all(),
    )


def _keep(x: Tensor) -> Tensor:
    return x
