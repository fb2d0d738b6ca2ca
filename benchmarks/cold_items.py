"""New items: a fifth of a catalogue held out whole with its events, and ranked for those who had them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks import specs
from benchmarks.contest import context
from benchmarks.form import Options, result, row
from benchmarks.logs import folder, quick_users, read
from benchmarks.newcomers import Settings, Side, Task, dated, held_out, irspack_ials, lightfm, ours
from benchmarks.tuning import Log, Pick, Space, draws, journal
from recsys.dataset.data import Dataset
from recsys.errors import FitError
from recsys.metrics import paired_ratio
from recsys.metrics.accuracy import hits, ndcg, top_matrix
from recsys.models.recipe import parse
from recsys.retrieval import top_k
from recsys.types import BoolArray, FloatArray, IntArray

BARS = "ndcg@20 among the held-out items ≥ 1.10 of the better of LightFM and irspack's iALS, both with item features"
BENCH = "cold_items"
K = 20
SEEDS = 5
TRIALS = 16  # for each peer
CHUNK = 512  # users ranked at once


@dataclass(frozen=True)
class Source:
    """A log and from which value on an event counts; what is below is left out for all sides."""

    folder: str
    liked: float | None = None


LOGS = {
    "ml-100k": Source("ml-100k", 4.0),
    "toys": Source("amazon-toys-s3rec"),
    "movietweetings-100k": Source("movietweetings-100k", 7.0),
}
CASES = tuple(LOGS)
FEATURES = Pick(("tokens", "encoded"))
OURS = "content_ridge"
PEERS: Mapping[str, tuple[Side, Space]] = {
    "irspack iALS": (
        irspack_ials,
        {
            "n_components": Pick((16, 32, 64, 128)),
            "alpha0": Log(0.003, 1.0),
            "reg": Log(1e-3, 0.1),
            "lambda_item_feature": Log(1e-3, 1e4),
            "train_epochs": Pick((8, 16)),
            "features": FEATURES,
        },
    ),
    "LightFM": (
        lightfm,
        {
            "no_components": Pick((16, 32, 64)),
            "learning_rate": Log(0.01, 0.15),
            "item_alpha": Log(1e-7, 1e-3),
            "epochs": Pick((10, 20, 40)),
            "features": FEATURES,
        },
    ),
}


def tune(options: Options) -> None:
    """Settings for each side by items held out of train of the first seed; the recipe chooses its own there."""
    for case in _wanted(options):
        first = held_out(_read(case, options), seed=0)
        task = held_out(first.train, seed=1000)
        settings = _left_to_the_recipe(first.train)
        table: dict[str, Any] = {"metric": f"ndcg@{K} among items held out of train", "trials": _trials(options)}
        table[OURS] = {"validation": _tried(ours, task, settings)[1], "settings": settings}
        print(f"{case:20} {OURS:14} {table[OURS]['validation']:.5f}", flush=True)
        for name, (side, space) in PEERS.items():
            book, tried = journal(BENCH, case, name.replace(" ", "-"), quick=options.quick), []
            for drawn in _told(draws(space, _trials(options)), first.train):
                tried.append(book.once(drawn, partial(_tried, side, task, drawn)))
                print(f"{case:20} {name:14} {tried[-1].validation:.5f}, {tried[-1].seconds:.0f} s", flush=True)
            best = max(tried, key=lambda one: one.validation)
            table[name] = {"validation": best.validation, "settings": best.settings}
        print(f"written: {specs.save(BENCH, case, table, options)}")


def run(options: Options) -> dict[str, Any]:
    """Refit all sides for every seed, and pool the users; the better peer is the one that is better on test itself."""
    begin = time.perf_counter()
    rows, details = [], {}
    for case in _wanted(options):
        table = specs.load(BENCH, case, options)
        found, users = _measured(case, table, options)
        means = {name: {part: float(np.mean(values)) for part, values in own.items()} for name, own in found.items()}
        peer = max(PEERS, key=lambda name: means[name]["held"])
        paired = paired_ratio(found[OURS]["held"], found[peer]["held"], seed=0, clusters=users)
        rows.append(
            row(
                case,
                f"ndcg@{K} among the held-out items",
                ours=means[OURS]["held"],
                peer=means[peer]["held"],
                peer_name=peer,
                paired=paired,
                bar=">= 1.10, low > 1",
                ok=bool(paired.ratio >= 1.10 and paired.low > 1.0),
            )
        )
        details[case] = {"ndcg@20 by side, among held and all": means, "chosen": table, "questions": len(users)}
        print({name: {part: round(value, 4) for part, value in own.items()} for name, own in means.items()}, flush=True)
    settings = {"seeds": _seeds(options), "share of items held out": 0.2, "quick": options.quick}
    return result(BENCH, rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _told(drawn: Sequence[dict[str, Any]], data: Dataset) -> list[dict[str, Any]]:
    """Each of ``drawn`` without and, where items have years, with years told apart finely."""
    dated = bool(np.isfinite(data.catalogue.numbers("year")).any())
    return [{**one, "fine_years": fine} for one in drawn for fine in ((False, True) if dated else (False,))]


def _left_to_the_recipe(data: Dataset) -> Settings:
    """What the recipe chooses by setting items of ``data`` aside; the penalty that follows from the density is left."""
    chosen = parse({"recipe": OURS}).fit(data, context()).recipe.params()
    return {name: value for name, value in chosen.items() if name != "reg"}


def _tried(side: Side, task: Task, settings: Settings) -> tuple[dict[str, Any], float]:
    try:
        return dict(settings), float(_gains(task, side(task, settings), task.held).mean())
    except FitError:  # a side that cannot be fitted so ranks nothing
        return dict(settings), 0.0


def _measured(
    case: str, table: Mapping[str, Any], options: Options
) -> tuple[dict[str, dict[str, FloatArray]], IntArray]:
    """By side and part ("held", "all") the NDCG of every question of every seed; and whose question each is."""
    data = _read(case, options)
    tasks = [held_out(data, seed) for seed in range(_seeds(options))]
    found: dict[str, dict[str, FloatArray]] = {}
    sides: dict[str, Side] = {OURS: ours, **{name: side for name, (side, _) in PEERS.items()}}
    for name, side in sides.items():
        parts: dict[str, list[FloatArray]] = {"held": [], "all": []}
        for task in tasks:
            scores = side(task, table[name]["settings"])
            parts["held"].append(_gains(task, scores, task.held))
            parts["all"].append(_gains(task, scores, task.held | task.warm))
            print(f"{case:20} {name:14} {parts['held'][-1].mean():.4f} {parts['all'][-1].mean():.4f}", flush=True)
        found[name] = {part: np.concatenate(values) for part, values in parts.items()}
    return found, np.concatenate([task.asked.users for task in tasks])


def _gains(task: Task, scores: FloatArray, among: BoolArray) -> FloatArray:
    """(queries,) NDCG@20 of lists over the items of ``among``, what a user had in train left out."""
    lists = []
    for start in range(0, len(scores), CHUNK):
        part = slice(start, start + CHUNK)
        lists += top_k(np.ascontiguousarray(scores[part], np.float32), K, among, task.asked.exclude[part], "")
    n_truth = np.array([len(truth) for truth in task.asked.truth], np.int32)
    return np.asarray(ndcg(hits(top_matrix(lists, K), task.asked.truth), n_truth, K), np.float32)


def _read(case: str, options: Options) -> Dataset:
    log = LOGS[case]
    return dated(read(folder(options, log.folder), users=quick_users(options), liked=log.liked))


def _wanted(options: Options) -> tuple[str, ...]:
    return CASES if options.case is None else (options.case,)


def _trials(options: Options) -> int:
    return 2 if options.quick else TRIALS


def _seeds(options: Options) -> int:
    return 2 if options.quick else SEEDS
