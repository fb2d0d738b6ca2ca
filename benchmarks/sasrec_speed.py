"""Time to quality of SASRec: ours against RecTools, an epoch of one and then of the other, on one core."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import specs
from benchmarks.form import Options, result, row
from benchmarks.logs import folder, leave_one_out, quick_users, read
from benchmarks.peer import Peer
from benchmarks.ratios import Track, over_queries, times
from benchmarks.sasrec_ours import THREADS, Ours
from benchmarks.tuning import VAR, Journal, Tried, journal
from recsys.dataset.data import Dataset, Holdout
from recsys.metrics.accuracy import hits, ndcg
from recsys.types import IntArray

BARS = "time to RecTools' SASRec's NDCG@10: ≥ 2× (Beauty: 98 % of it; ML-1M: 15 minutes each)"
BENCH = "sasrec_speed"
CASES = ("beauty", "ml-1m")
LOGS = dict(zip(CASES, ("amazon-beauty-s3rec", "ml-1m"), strict=True))
BAR = 2.0
SHARE = {"beauty": 0.98, "ml-1m": 1.0}  # of the peer's best that has to be reached
MINUTES = 15.0  # of training on either side, at most
TURN = {"beauty": 10.0, "ml-1m": 30.0}  # s of training after which ours is measured, at the end of that epoch
PATIENCE = 8  # measurements in a row without a better NDCG@10 after which a side has ended
TRIAL_MINUTES = 4.0  # of training in a trial, and to the end of the epoch
K = 10
_OURS = {
    "beauty": {"recipe": "sasrec", "max_history": 50, "dropout": 0.5, "negatives": 512},
    "ml-1m": {"recipe": "sasrec", "max_history": 200, "factors": 64},
}
_THEIRS = {
    "beauty": {"session_max_len": 50, "n_blocks": 2, "n_negatives": 256, "batch_size": 128},
    "ml-1m": {"session_max_len": 200, "n_blocks": 2, "n_factors": 64, "n_heads": 1},
}
# as many trials for either side; the first of the peer is what its makers advise
TRIED: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "ours": {
        "beauty": (
            {"factors": 64, "learning_rate": 1e-3},
            {"factors": 64, "learning_rate": 2e-3},
            {"factors": 128, "learning_rate": 2e-3},
        ),
        "ml-1m": ({"dropout": 0.2}, {"dropout": 0.1}, {"dropout": 0.2, "learning_rate": 2e-3}),
    },
    "rectools": {
        "beauty": (
            {"loss": "softmax", "n_factors": 64, "n_heads": 1, "dropout_rate": 0.2, "lr": 1e-3},
            {"loss": "sampled_softmax", "n_factors": 64, "n_heads": 1, "dropout_rate": 0.5, "lr": 2e-3},
            {"loss": "sampled_softmax", "n_factors": 128, "n_heads": 2, "dropout_rate": 0.5, "lr": 2e-3},
        ),
        "ml-1m": (
            {"loss": "softmax", "dropout_rate": 0.2, "batch_size": 128, "lr": 1e-3},
            {"loss": "softmax", "dropout_rate": 0.2, "batch_size": 32, "lr": 1e-3},
            {"loss": "sampled_softmax", "n_negatives": 256, "dropout_rate": 0.2, "batch_size": 32, "lr": 1e-3},
        ),
    },
}


class Side(Protocol):
    """A fit that is taken further by turns, of one epoch or more."""

    seconds: float  # of training so far, preparation included

    def turn(self) -> IntArray:
        """Train on and give the lists (queries, places) as they are then."""
        ...


def tune(options: Options) -> None:
    """The same number of trials of the same length for both sides."""
    for case in _asked(options):
        train, asked = _arena(case, options)
        table: dict[str, Any] = {}
        for side in ("ours", "rectools"):
            book = journal(BENCH, case, side, quick=options.quick)
            arena = (train, asked, _minutes(TRIAL_MINUTES, options))
            tried = [_trial(side, case, settings, arena, book) for settings in _settings(side, case, options)]
            best = max(tried, key=lambda one: one.validation)
            table[side] = {**vars(best), "seconds of all trials": round(sum(one.seconds for one in tried), 1)}
        table["budget"] = {
            "trials": len(TRIED["ours"][case]),
            "minutes of training a trial": TRIAL_MINUTES,
            "threads": THREADS,
        }
        print(f"written: {specs.save(BENCH, case, table, options)}")


def run(options: Options) -> dict[str, Any]:
    """Each case, or the one asked for."""
    begin = time.perf_counter()
    rows, details = [], {}
    for case in _asked(options):
        line, details[case] = _case(case, options)
        rows.append(line)
    settings = {"threads": THREADS, "minutes": MINUTES, "turn": TURN, "patience": PATIENCE, "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _asked(options: Options) -> tuple[str, ...]:
    return CASES if options.case is None else (options.case,)


def _arena(case: str, options: Options) -> tuple[Dataset, Holdout]:
    split = leave_one_out(read(folder(options, LOGS[case]), users=quick_users(options)))
    return split.train, split.validation


class RecTools:
    """The peer's script, an epoch at a word."""

    def __init__(self, peer: Peer, lists: Path, asked: Holdout) -> None:
        self._peer, self._lists, self._asked = peer, lists, asked
        self.seconds = 0.0

    def turn(self) -> IntArray:
        self.seconds = self._peer.ask("go")["seconds"]
        table = pq.read_table(self._lists)
        user, item = np.asarray(table["user"]), np.asarray(table["item"], np.int32)
        width = int(np.bincount(user).max())
        place = {owner: at for at, owner in enumerate(self._asked.users.tolist())}
        top = np.full((len(self._asked), width), -1, np.int32)  # a user that the peer leaves out has an empty list
        top[[place[owner] for owner in user[::width].tolist()]] = item.reshape(-1, width)
        return top


@contextmanager
def rectools(train: Dataset, asked: Holdout, settings: Mapping[str, Any], name: str) -> Iterator[RecTools]:
    """RecTools' SASRec over Parquet, ended with the block."""
    place = VAR / "peers" / name
    place.mkdir(parents=True, exist_ok=True)
    paths = {part: str((place / f"{part}.parquet").absolute()) for part in ("events", "asked", "lists")}
    columns = {"user": train.user, "item": train.item, "place": np.arange(train.n_events)}
    pq.write_table(pa.table({part: np.asarray(values) for part, values in columns.items()}), paths["events"])
    pq.write_table(pa.table({"user": asked.users}), paths["asked"])
    told = {**paths, "model": dict(settings), "threads": THREADS, "seed": 0}
    with Peer("rectools", "rectools_sasrec.py", told, threads=THREADS) as peer:
        yield RecTools(peer, Path(paths["lists"]), asked)


def side_by_side(sides: Sequence[Side], asked: Holdout, minutes: float, patience: int) -> list[Track]:
    """The curve of each side, until each is out of time or has not become better for so many turns.

    Whoever has trained less is next. Only one of them works at a time, so each has all threads for itself.
    """
    tracks = [Track() for _ in sides]
    n_truth = np.fromiter((len(truth) for truth in asked.truth), np.int32, len(asked))
    while going := [at for at, side in enumerate(sides) if not _done(tracks[at], side, minutes, patience)]:
        at = min(going, key=lambda place: sides[place].seconds)
        values = ndcg(hits(sides[at].turn(), asked.truth), n_truth, K)
        tracks[at].seconds.append(sides[at].seconds)
        tracks[at].values.append(values)
        name, turn = type(sides[at]).__name__, len(tracks[at].values)
        print(f"{name:8} turn {turn}: {values.mean():.5f}, {sides[at].seconds:.1f} s", flush=True)
    return tracks


def _done(track: Track, side: Side, minutes: float, patience: int) -> bool:
    means = [point.ndcg for point in track.points]
    stale = len(means) > 0 and len(means) - 1 - int(np.argmax(means)) >= patience
    return stale or side.seconds > 60 * minutes


def _minutes(minutes: float, options: Options) -> float:
    return 0.2 if options.quick else minutes


def _settings(side: str, case: str, options: Options) -> list[dict[str, Any]]:
    fixed = _OURS[case] if side == "ours" else _THEIRS[case]
    return [{**fixed, **one} for one in TRIED[side][case][: 1 if options.quick else None]]


def _trial(
    side: str, case: str, settings: dict[str, Any], arena: tuple[Dataset, Holdout, float], book: Journal
) -> Tried:
    train, asked, minutes = arena

    def score() -> tuple[dict[str, Any], float]:
        if side == "ours":
            curves = side_by_side([Ours(train, asked, settings, TURN[case])], asked, minutes, PATIENCE)
        else:
            with rectools(train, asked, settings, f"{case}-tuning") as peer:
                curves = side_by_side([peer], asked, minutes, PATIENCE)
        return settings, max(point.ndcg for point in curves[0].points)

    tried = book.once(settings, score)
    print(f"{case} {side} {settings}: ndcg@10 {tried.validation:.5f}, {tried.seconds:.0f} s", flush=True)
    return tried


def _case(case: str, options: Options) -> tuple[dict[str, Any], dict[str, Any]]:
    table = specs.load(BENCH, case, options)
    train, asked = _arena(case, options)
    minutes = _minutes(MINUTES, options)
    with rectools(train, asked, table["rectools"]["settings"], case) as peer:
        ours = Ours(train, asked, table["ours"]["settings"], TURN[case])
        tracks = side_by_side([ours, peer], asked, minutes, PATIENCE)
    curves = [[[round(p.seconds, 1), round(p.ndcg, 5)] for p in track.points] for track in tracks]
    told = dict(zip(("ours: seconds, ndcg@10", "RecTools: seconds, ndcg@10"), curves, strict=True))
    return _row(case, *tracks), {"spec": table, "curves": told, "queries": len(asked)}


def _row(case: str, mine: Track, theirs: Track) -> dict[str, Any]:
    """Ours has all the time it was given where it did not get there, for JSON knows no infinity."""
    own, peer = times(mine.points, theirs.points, SHARE[case])
    paired = over_queries(mine, theirs, SHARE[case])
    return row(
        case,
        f"seconds to {SHARE[case]:.0%} of the peer's best ndcg@{K}",
        ours=min(own, mine.seconds[-1]),
        peer=peer,
        peer_name="RecTools SASRec",
        paired=paired,
        bar=f">= {BAR:g}",
        ok=paired.ratio >= BAR,
    )
