"""Time to measure a factor model over 20,000 items: ours against irspack's evaluator and RecTools' calc_metrics.

Both sides have the same vectors, the same truth, the same seen items and two threads, and must come to the same
figures. irspack is given its scores, so its time is that of masking, ranking and counting; ours begins at the vectors.
RecTools is given lists, and so are we.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from benchmarks.contest import THREADS
from benchmarks.form import Options, result, row
from benchmarks.peer import Peer
from benchmarks.ratios import over_rounds
from recsys.dataset.data import Holdout
from recsys.errors import FitError
from recsys.evaluate.engine import shown
from recsys.metrics import accuracy_metrics, hits, top_matrix
from recsys.models.recipe import Recipe
from recsys.retrieval import Vectors
from recsys.types import BoolArray, FloatArray, IntArray, Query, Ranked

BARS = "20k items, 4 cutoffs × 4 metrics: ≥ 3× irspack's evaluator, ≥ 10× RecTools calc_metrics"
BENCH = "evaluation_speed"
CASES = ("from scores", "from lists")
BAR = {"irspack": 3.0, "rectools": 10.0}
KS = (5, 10, 20, 50)
METRICS = ("recall", "precision", "ndcg", "hit")
ITEMS, FACTORS, QUERIES, SEEN, WANTED = 20_000, 64, 4_096, 100, 10
ROUNDS = 7
BLOCK = 128  # users whose scores irspack asks for at once: its default
CLOSE = 1e-5  # scores of float32 products may order two items that are as good as equal the other way round

Turn = Callable[[], tuple[float, dict[str, float]]]  # measure once: seconds and means


def run(options: Options) -> dict[str, Any]:
    """Both comparisons, or the one asked for."""
    begin = time.perf_counter()
    task = Task.drawn(256 if options.quick else QUERIES)
    rows, details = [], {}
    for case, peer, turns in _sides(task, options):
        rows.append(
            _row(case, peer, details.setdefault(case, _alternated(*turns, rounds=2 if options.quick else ROUNDS)))
        )
    settings = {"items": ITEMS, "factors": FACTORS, "queries": len(task.holdout), "k": KS, "metrics": METRICS}
    settings |= {"threads": THREADS, "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _sides(task: "Task", options: Options) -> Iterator[tuple[str, str, tuple[Turn, Turn]]]:
    """Each case with its peer, and how ours and the peer measure once."""
    if options.case in (None, CASES[0]):
        yield CASES[0], "irspack", (lambda: _ours_from_factors(task), _irspack(task))
    if options.case in (None, CASES[1]):
        lists = task.model.top(task.holdout.queries, max(KS), np.ones(ITEMS, np.bool_), task.holdout.exclude)
        with tempfile.TemporaryDirectory() as folder, _rectools(Path(folder), lists, task) as peer:
            yield CASES[1], "rectools", (lambda: _ours_from_lists(lists, task), lambda: _asked(peer))


class Given(Recipe):
    """What the model below was made from."""

    name: ClassVar[str] = "vectors"


@dataclass(frozen=True, eq=False)
class VectorModel:
    """Known vectors of users and items; a query says in its context which user it is."""

    users: FloatArray  # (users, d)
    items: FloatArray  # (items, d)
    recipe: Recipe

    def top(self, queries: Sequence[Query], n: int, allowed: BoolArray, exclude: Sequence[IntArray]) -> list[Ranked]:
        asked = self.users[[int(query.context["user"]) for query in queries]]
        return Vectors(self.items).top(asked, n, allowed, exclude, "vectors")

    def score(self, queries: Sequence[Query], items: IntArray) -> FloatArray:
        raise NotImplementedError("Nothing here asks for scores.")

    def save(self, folder: Path) -> None:
        raise NotImplementedError("Nothing here is saved.")


@dataclass(frozen=True, eq=False)
class Task:
    """A model, and what users of it wanted: items near the top of its lists, so that the figures are like real ones."""

    model: VectorModel
    holdout: Holdout

    @classmethod
    def drawn(cls, queries: int) -> "Task":
        rng = np.random.default_rng(0)
        items = rng.normal(size=(ITEMS, FACTORS)).astype(np.float32)
        users = rng.normal(size=(queries, FACTORS)).astype(np.float32)
        seen = [np.unique(rng.integers(0, ITEMS, SEEN)).astype(np.int32) for _ in range(queries)]
        noisy = users + rng.normal(size=users.shape).astype(np.float32)
        model = VectorModel(users, items, Given())
        wanted = Vectors(items).top(noisy, WANTED, np.ones(ITEMS, np.bool_), seen, "wanted")
        none = np.zeros(0)
        asked = [
            Query(np.zeros(0, np.int32), none, none.astype(np.float32), float("nan"), context={"user": str(user)})
            for user in range(queries)
        ]
        truth = [np.sort(ranked.items) for ranked in wanted]
        return cls(model, Holdout(np.arange(queries, dtype=np.int32), asked, truth, seen, np.ones(ITEMS, np.bool_)))


def _ours_from_factors(task: Task) -> tuple[float, dict[str, float]]:
    begin = time.perf_counter()
    top = shown(task.model, task.holdout, ITEMS, max(KS), threads=THREADS)
    return _means(top, task, begin)


def _ours_from_lists(lists: Sequence[Ranked], task: Task) -> tuple[float, dict[str, float]]:
    begin = time.perf_counter()
    return _means(top_matrix(lists, max(KS)), task, begin)


def _means(top: IntArray, task: Task, begin: float) -> tuple[float, dict[str, float]]:
    """The metrics that all sides have."""
    hit = hits(top, task.holdout.truth)
    n_truth = np.fromiter((len(wanted) for wanted in task.holdout.truth), np.int32, len(hit))
    metrics = accuracy_metrics()
    values = {f"{name}@{k}": float(metrics[name](hit, n_truth, k).mean()) for name in METRICS for k in KS}
    return time.perf_counter() - begin, values


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores as irspack asks a model of its own for them."""

    blocks: Sequence[FloatArray]  # of BLOCK users each
    X_train_all: sp.csr_matrix  # seen
    n_users: int
    n_items: int = ITEMS

    def get_score_block(self, begin: int, end: int) -> FloatArray:
        return self.blocks[begin // BLOCK]


def _irspack(task: Task) -> Turn:
    from irspack.evaluation import Evaluator

    model, holdout = task.model, task.holdout
    blocks = [model.users[start : start + BLOCK] @ model.items.T for start in range(0, len(holdout), BLOCK)]
    scores = Scores(blocks, _matrix(holdout.exclude), len(holdout))
    evaluator = Evaluator(_matrix(holdout.truth), n_threads=THREADS, mb_size=BLOCK)

    def measure() -> tuple[float, dict[str, float]]:
        begin = time.perf_counter()
        found: dict[str, float] = evaluator.get_scores(scores, list(KS))
        return time.perf_counter() - begin, found

    return measure


def _rectools(folder: Path, lists: Sequence[Ranked], task: Task) -> Peer:
    """The peer with the lists and the truth as tables."""
    rows = [len(ranked) for ranked in lists]
    table = {
        "user": np.repeat(np.arange(len(lists)), rows),
        "item": np.concatenate([ranked.items for ranked in lists]).astype(np.int64),
        "rank": np.concatenate([np.arange(1, n + 1) for n in rows]),
    }
    wanted = _matrix(task.holdout.truth).tocoo()
    pq.write_table(pa.table(table), folder / "lists.parquet")
    pq.write_table(
        pa.table({"user": wanted.row.astype(np.int64), "item": wanted.col.astype(np.int64)}), folder / "truth.parquet"
    )
    told = {"lists": str(folder / "lists.parquet"), "truth": str(folder / "truth.parquet"), "ks": KS}
    return Peer("rectools", "rectools_metrics.py", told, threads=THREADS)


def _asked(peer: Peer) -> tuple[float, dict[str, float]]:
    answer = peer.ask("measure")
    return float(answer["seconds"]), answer["values"]


def _matrix(lists: Sequence[IntArray]) -> sp.csr_matrix:
    """(users, ITEMS) 0/1."""
    row = np.repeat(np.arange(len(lists)), [len(items) for items in lists])
    return sp.csr_matrix((np.ones(len(row)), (row, np.concatenate(lists))), shape=(len(lists), ITEMS))


def _alternated(ours: Turn, peer: Turn, *, rounds: int) -> dict[str, Any]:
    """Seconds of both, turn by turn after one that warms up, and what they found; FitError where that differs."""
    times: tuple[list[float], list[float]] = ([], [])
    with threadpool_limits(THREADS):
        values = ours()[1], peer()[1]
        for _ in range(rounds):
            for taken, turn in zip(times, (ours, peer), strict=True):
                taken.append(turn()[0])
    _agree(*values)
    found = {f"{metric}@{k}": round(values[0][f"{metric}@{k}"], 6) for metric in METRICS for k in KS}
    return {"seconds of ours": times[0], "seconds of the peer": times[1], "values": found}


def _agree(mine: Mapping[str, float], theirs: Mapping[str, float]) -> None:
    for name in (f"{metric}@{k}" for metric in METRICS for k in KS):
        if abs(mine[name] - theirs[name]) > CLOSE:
            raise FitError(f"{name} is {mine[name]} by ours and {theirs[name]} by the peer; times are not comparable.")


def _row(case: str, peer: str, told: Mapping[str, Any]) -> dict[str, Any]:
    times = told["seconds of ours"], told["seconds of the peer"]
    paired = over_rounds(*times)
    ours, theirs = (float(np.median(taken)) for taken in times)
    bar = BAR[peer]
    return row(
        case,
        "seconds",
        ours=ours,
        peer=theirs,
        peer_name=peer,
        paired=paired,
        bar=f">= {bar:g}",
        ok=paired.ratio >= bar,
    )
