"""How the ranker's weights are learned: a conditional logit over each query's candidates."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from recsys.types import FloatArray, IntArray

_REGS = (1.0, 0.3, 0.1, 0.03, 0.01)  # strong first
_FOLDS = 3
_STEPS = 40  # of the minimiser
_PLACES = 10  # quality is NDCG at this many

Weights = NDArray[np.float64]  # (1 + buckets, features): common ones, and what each bucket adds


@dataclass(frozen=True, eq=False)
class Table:
    """Candidates of many queries behind each other, with the features and the answer of each.

    Queries are sorted by bucket, so that the rows of a bucket are a slice.
    """

    x: FloatArray  # (rows, features)
    wanted: NDArray[np.bool_]  # (rows,) is a truth item
    start: IntArray  # (queries + 1,) the rows of query q are start[q]:start[q + 1]
    bucket: IntArray  # (queries,) by length of history
    n_truth: IntArray  # (queries,) among the candidates or not
    moment: IntArray  # (queries,) which slice of the log it was asked in

    def __len__(self) -> int:
        return len(self.bucket)

    def of(self, bucket: int) -> slice:
        """The rows of a bucket."""
        first, last = np.searchsorted(self.bucket, [bucket, bucket + 1])
        return slice(int(self.start[first]), int(self.start[last]))

    def part(self, queries: NDArray[np.integer]) -> "Table":
        """The rows of some ascending queries."""
        sizes = np.diff(self.start)[queries]
        rows = np.concatenate([np.arange(self.start[q], self.start[q + 1]) for q in queries.tolist()])
        start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        about = (self.bucket[queries], self.n_truth[queries], self.moment[queries])
        return Table(self.x[rows], self.wanted[rows], start, *about)

    def scaled(self) -> tuple["Table", Weights]:
        """With features in standard deviations around their means; and those deviations (features,)."""
        centre = self.x.mean(axis=0, dtype=np.float64)
        spread = np.maximum(self.x.std(axis=0, dtype=np.float64), 1e-6)
        return replace(self, x=((self.x - centre) / spread).astype(np.float32)), spread


@dataclass(frozen=True, eq=False)
class Learned:
    """Weights of the raw features, and what they made on queries that had no say in them."""

    weights: Weights  # (buckets, features)
    ndcg: float  # at 10, out of fold; NaN where the queries are too few to be folded
    reg: float


def folds(table: Table, rng: np.random.Generator) -> IntArray:
    """(queries,) the fold of each: its slice of the log where there are several, drawn where there is one.

    What is popular in a slice is known from any of its queries, so that only another slice tells what was learned.
    """
    names, fold = np.unique(table.moment, return_inverse=True)
    return (fold if len(names) > 1 else rng.permutation(len(table)) % _FOLDS).astype(np.int32)


def learn(table: Table, buckets: int, rng: np.random.Generator) -> Learned:
    """Weights for each bucket, drawn to common ones; the strongest ridge within a standard error of the best NDCG.

    That is out of fold, and what is stronger forgets less of the log than its slices can teach.

    A query's wanted items are each drawn by a softmax over its candidates (McFadden 1974; the listwise loss of Cao et
    al. 2007), and a query with n of them counts sqrt(n).
    """
    if len(table) < _FOLDS:
        return Learned(weights_at(table, buckets, _REGS[0]), math.nan, _REGS[0])
    reg, mean = _chosen(table, buckets, rng)
    return Learned(weights_at(table, buckets, reg), mean, reg)


def weights_at(table: Table, buckets: int, reg: float) -> Weights:
    """(buckets, features) the weights of raw features by a ridge that is known."""
    scaled, spread = table.scaled()
    weights = _fit(scaled, buckets, reg, np.zeros((1 + buckets, table.x.shape[1])))
    return np.asarray((weights[0] + weights[1:]) / spread, np.float64)


def _chosen(table: Table, buckets: int, rng: np.random.Generator) -> tuple[float, float]:
    """The ridge, and the mean NDCG that it makes out of fold."""
    parts = list(parted(table.scaled()[0], folds(table, rng)))
    found: list[tuple[float, float, float]] = []  # NDCG, its standard error, reg
    starts = [np.zeros((1 + buckets, table.x.shape[1])) for _ in parts]
    for reg in _REGS:
        starts = [_fit(train, buckets, reg, start) for (train, _), start in zip(parts, starts, strict=True)]
        own = np.concatenate([ndcg(held, w[0] + w[1:]) for (_, held), w in zip(parts, starts, strict=True)])
        found.append((float(own.mean()), float(own.std() / np.sqrt(len(own))), reg))
    best, doubt, _ = max(found)
    mean, _, reg = next(one for one in found if one[0] >= best - doubt)
    return reg, mean


def parted(table: Table, fold: IntArray) -> Iterator[tuple[Table, Table]]:
    """For every fold the other queries and its own."""
    for at in range(int(fold.max()) + 1):
        yield table.part(np.flatnonzero(fold != at)), table.part(np.flatnonzero(fold == at))


def ndcg(table: Table, weights: Weights) -> Weights:
    """(queries,) NDCG at 10 of the candidates ranked by ``weights`` (buckets, features)."""
    return gains(table, linear(table, weights))


def gains(table: Table, scores: Weights) -> Weights:
    """(queries,) NDCG at 10 of the candidates ranked by ``scores`` (rows,)."""
    discount = 1.0 / np.log2(np.arange(2, _PLACES + 2))
    ideal = np.cumsum(discount)
    found = np.zeros(len(table))
    for q in range(len(table)):
        own = slice(table.start[q], table.start[q + 1])
        hit = table.wanted[own][np.argsort(-scores[own], kind="stable")[:_PLACES]]
        found[q] = discount[: len(hit)][hit].sum() / ideal[min(max(int(table.n_truth[q]), 1), _PLACES) - 1]
    return found


def linear(table: Table, weights: Weights) -> Weights:
    """(rows,) each query's candidates by its bucket's weights (buckets, features)."""
    parts = [table.x[table.of(at)] @ row.astype(np.float32) for at, row in enumerate(weights)]
    return np.concatenate(parts).astype(np.float64)


def _fit(table: Table, buckets: int, reg: float, start: Weights) -> Weights:
    """(1 + buckets, features) the minimum of mean loss + reg * (squares of the weights)."""
    sizes = np.diff(table.start)
    begin = table.start[:-1]
    found = np.add.reduceat(table.wanted.astype(np.float64), begin)
    share = 1.0 / np.sqrt(np.maximum(found, 1.0))  # (queries,)
    pull = np.repeat(share, sizes) * table.wanted  # (rows,)
    own = [table.of(at) for at in range(buckets)]  # rows of each bucket
    shape = (1 + buckets, table.x.shape[1])

    def loss(flat: Weights) -> tuple[float, Weights]:
        """The mean softmax loss with its ridge, and its gradient; ``flat`` is ((1 + buckets) * features,)."""
        weights = flat.reshape(shape)
        scores = linear(table, weights[0] + weights[1:])
        top = np.maximum.reduceat(scores, begin)
        odds = np.exp(scores - np.repeat(top, sizes))
        total = np.add.reduceat(odds, begin)
        lost = (share * found * (np.log(total) + top)).sum() - (pull * scores).sum()
        slope = odds * np.repeat(share * found / total, sizes) - pull  # (rows,)
        each = np.stack([slope[rows].astype(np.float32) @ table.x[rows] for rows in own]).astype(np.float64)
        gradient = np.concatenate([each.sum(axis=0, keepdims=True), each]) / len(table) + 2 * reg * weights
        return float(lost / len(table) + reg * (weights**2).sum()), gradient.ravel()

    done = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return np.asarray(done.x, np.float64).reshape(shape)


def together(tables: Sequence[Table]) -> Table:
    """Several tables, one a slice, as one."""
    buckets = np.concatenate([table.bucket for table in tables])
    owner = [(table, q) for table in tables for q in range(len(table))]
    order = [owner[at] for at in np.argsort(buckets, kind="stable").tolist()]
    rows = [slice(table.start[q], table.start[q + 1]) for table, q in order]
    sizes = [part.stop - part.start for part in rows]
    return Table(
        np.concatenate([table.x[part] for (table, _), part in zip(order, rows, strict=True)]),
        np.concatenate([table.wanted[part] for (table, _), part in zip(order, rows, strict=True)]),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        np.sort(buckets, kind="stable"),
        np.array([table.n_truth[q] for table, q in order], np.int32),
        np.repeat(np.arange(len(tables), dtype=np.int32), [len(table) for table in tables])[
            np.argsort(buckets, kind="stable")
        ],
    )


def table_of(
    features: Sequence[FloatArray], found: Sequence[IntArray], truth: Sequence[IntArray], bucket: IntArray
) -> Table | None:
    """The table of some queries; a query whose candidates hold no truth item teaches nothing and is left out."""
    kept = [q for q in np.argsort(bucket, kind="stable") if np.isin(found[q], truth[q]).any()]
    if not kept:
        return None
    sizes = [len(found[q]) for q in kept]
    return Table(
        np.concatenate([features[q] for q in kept]),
        np.concatenate([np.isin(found[q], truth[q]) for q in kept]),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        bucket[kept],
        np.array([len(truth[q]) for q in kept], np.int32),
        np.zeros(len(kept), np.int32),
    )
