"""News between retrainings: an hour of clicks streamed through the served API, a list before each click.

At each cut a bundle is trained on everything before it, its weights on the newest clicks of that. Then every click of
the next hour goes to POST /v1/events in its order, and before each click of a fixed random share of the users (all of
their clicks) a list is asked for with POST /v1/recommend. What counts is whether it holds the click, for clicks that
are new to their users. The same questions go to the frozen bundle, without any click of the hour in its counts but with
those of the user, and to popularity in its best window, which is counted anew every minute.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.form import Options, result, row
from benchmarks.logs import folder, read
from benchmarks.news import CUTS, HOUR, LOG, MINUTES
from recsys.bundle import MANIFEST, Facts, sha256_of, write_bundle
from recsys.dataset.data import Dataset
from recsys.metrics import Interval, paired_ratio
from recsys.models.recipe import FitContext, parse
from recsys.pipeline import Pipeline
from recsys.types import FloatArray, Query
from serving.stores.control import ControlStore
from serving.stores.state import Event, open_state

BARS = "an hour of news through the API: live ≥ 1.05 × popular in its best window at each cut, ≥ 1.08 × in the mean"
BENCH = "replay"
METRIC = "ndcg@20"
CASES = tuple(CUTS)
K = 20
SHARE, QUICK_SHARE = 4, 40  # one of so many users is asked for
EACH_BAR, MEAN_BAR = 1.05, 1.08
VAR = Path("var/bench/replay")
RECIPES: tuple[dict[str, Any], ...] = ({"recipe": "session"}, {"recipe": "popular", "half_life_days": 0.04})
MAX_HISTORY = 200
_REPEATS = 1000


@dataclass(frozen=True, eq=False)
class Stream:
    """The clicks of one hour in order, over the whole data set's indices."""

    user: np.ndarray
    item: np.ndarray
    time: np.ndarray
    asked: np.ndarray  # (clicks,) bool: new to a user who is asked for


@dataclass(frozen=True, eq=False)
class Ranks:
    """Where each asked click stood, from 0; K where it was not listed. And whose it was."""

    user: np.ndarray
    live: np.ndarray
    frozen: np.ndarray
    popular: np.ndarray


def run(options: Options) -> dict[str, Any]:
    """Every cut, or the one asked for."""
    begin = time.perf_counter()
    data = read(folder(options, LOG))
    share = QUICK_SHARE if options.quick else SHARE
    found: dict[str, Ranks] = {}
    details: dict[str, Any] = {}
    for case in [options.case] if options.case else CASES:
        begun = time.perf_counter()
        found[case], more = _case(data, CUTS[case], share)
        details[case] = {**_told(found[case]), **more, "seconds": round(time.perf_counter() - begun, 1)}
        print(case, json.dumps(details[case]), flush=True)
    settings = {"data": LOG, "users asked for": f"1 of {share}", "sources": list(RECIPES), "quick": options.quick}
    return result(BENCH, rows(found), details=details, settings=settings, seconds=time.perf_counter() - begin)


def gains(ranks: np.ndarray) -> FloatArray:
    """(clicks,) NDCG at K of one wanted item each."""
    return np.where(ranks < K, 1.0 / np.log2(ranks + 2.0), 0.0).astype(np.float32)


def rows(found: dict[str, Ranks]) -> list[dict[str, Any]]:
    """One line a cut, and their mean where there are more; intervals over users."""
    lines, ratios = [], []
    for case, ranks in found.items():
        ours, peer = gains(ranks.live), gains(ranks.popular)
        paired = paired_ratio(ours, peer, seed=0, clusters=ranks.user)
        lines.append(_row(case, float(ours.mean()), float(peer.mean()), paired, EACH_BAR))
        ratios.append(paired)
    if len(found) > 1:
        means = [np.mean([[getattr(r, side) for r in ratios]]) for side in ("ratio", "low", "high")]
        half = float(np.sqrt(np.sum([((r.high - r.low) / 2) ** 2 for r in ratios])) / len(ratios))  # independent cuts
        paired = Interval(float(means[0]), float(means[0]) - half, float(means[0]) + half)
        ours, peer = (float(np.mean([line[side] for line in lines])) for side in ("ours", "peer"))
        lines.append(_row("mean", ours, peer, paired, MEAN_BAR))
    return lines


def _row(case: str, ours: float, peer: float, paired: Interval, bar: float) -> dict[str, Any]:
    fine = paired.ratio >= bar
    name = "popular, best window"
    return row(case, METRIC, ours=ours, peer=peer, peer_name=name, paired=paired, bar=f">= {bar}", ok=fine)


def _told(ranks: Ranks) -> dict[str, Any]:
    sides = {name: getattr(ranks, name) for name in ("live", "frozen", "popular")}
    told = {
        name: {"hit rate": round(float((own < K).mean()), 4), METRIC: round(float(gains(own).mean()), 4)}
        for name, own in sides.items()
    }
    return {"clicks asked": len(ranks.user), "users": len(np.unique(ranks.user)), **told}


def _case(data: Dataset, cut: datetime, share: int) -> tuple[Ranks, dict[str, Any]]:
    at = cut.timestamp()
    stream = _stream(data, at, at + HOUR.total_seconds(), share)
    before = data.subset(np.asarray(data.time) < at, at)
    shutil.rmtree(VAR, ignore_errors=True)
    pipeline = _publish(before, at)
    minutes = _best_window(data, at)
    whose, clicks = stream.user[stream.asked], stream.item[stream.asked]
    popular = _popular(data, stream, minutes)
    frozen = _frozen(pipeline, before, stream)
    _remember(before, np.unique(stream.user))
    live, seconds = _live(data, stream)
    weights = pipeline.sources[0].recipe.params()["weights"]
    more = {"window, minutes": minutes, "clicks": len(clicks), "clicks streamed": len(stream.user)}
    return Ranks(whose, live, frozen, popular), {**more, "list ms, median": seconds, "weights": weights}


def _stream(data: Dataset, begin: float, end: float, share: int) -> Stream:
    time_ = np.asarray(data.time)
    order = np.argsort(time_, kind="stable")
    user, item = np.asarray(data.user)[order], np.asarray(data.item)[order]
    new = np.zeros(len(order), np.bool_)
    new[np.unique(user.astype(np.int64) * data.n_items + item, return_index=True)[1]] = True
    inside = slice(*np.searchsorted(time_[order], [begin, end]))
    chosen = np.random.default_rng(0).integers(0, share, data.n_users) == 0
    return Stream(user[inside], item[inside], time_[order][inside], new[inside] & chosen[user[inside]])


def _publish(before: Dataset, at: float) -> Pipeline:
    ctx = FitContext()
    pipeline = Pipeline(before.catalogue, tuple(ctx.fit(parse(recipe), before) for recipe in RECIPES))
    bundle = VAR / "bundles" / "news"
    newest = float(np.asarray(before.time).max())
    told: dict[str, Any] = {"lake": "none", "lake_versions": {"events": 0}, "spec": BENCH, "split": "none"}
    told |= {"at": newest, "metrics": {}, "rules": {}, "recipe": pipeline.sources[0].recipe.params()}
    write_bundle(bundle, pipeline, Facts(**told))
    manifest = json.loads((bundle / MANIFEST).read_text())
    champion = {"version": manifest["version"], "path": str(bundle.absolute())}
    champion["manifest_sha256"] = sha256_of(bundle / MANIFEST)
    (VAR / "champion.json").write_text(json.dumps(champion))
    return pipeline


def _remember(before: Dataset, users: np.ndarray) -> None:
    """Bring the histories of those who click in the hour into the state store, as ``recsys state sync`` does."""
    state = open_state(VAR / "state.db")
    names, items = before.users, before.catalogue.ids.ids
    for user in users.tolist():
        own = before.query(user)
        pairs = zip(own.items.tolist(), own.times.tolist(), strict=True)
        events = [Event(f"{user}-{n}", names[user], items[i], "click", t) for n, (i, t) in enumerate(pairs)]
        state.append(events, pending=False)
    state.close()


def _histories(before: Dataset, stream: Stream) -> Iterator[tuple[int, Query]]:
    """Each asked click with what its user had before it."""
    own: dict[int, tuple[list[int], list[float]]] = {}
    for place, (user, item, at) in enumerate(
        zip(stream.user.tolist(), stream.item.tolist(), stream.time.tolist(), strict=True)
    ):
        if user not in own:
            past = before.query(user)
            own[user] = past.items.tolist(), past.times.tolist()
        items, times = own[user]
        if stream.asked[place]:
            yield place, Query(np.array(items, np.int32), np.array(times), np.ones(len(items), np.float32), at)
        items.append(item)
        times.append(at)


def _frozen(pipeline: Pipeline, before: Dataset, stream: Stream) -> np.ndarray:
    everything = np.ones(len(pipeline.catalogue), np.bool_)
    ranks = []
    for place, query in _histories(before, stream):
        seen = np.unique(query.items).astype(np.int32)
        (slate,) = pipeline.candidates([query.last(MAX_HISTORY)], K, everything, [seen])
        ranks.append(_rank(slate.items.tolist(), int(stream.item[place])))
    return np.array(ranks)


def _rank(items: list[Any], wanted: Any) -> int:
    return items.index(wanted) if wanted in items else K


def _best_window(data: Dataset, at: float) -> int:
    """The best of ``MINUTES`` for all clicks of the hour before, counted anew every minute; the longest of equals."""
    hour = _stream(data, at - HOUR.total_seconds(), at, 1)
    quality = {m: float(gains(_popular(data, hour, m, most=2_000)).mean()) for m in MINUTES if m <= 1440}
    return max(reversed(list(quality)), key=quality.__getitem__)


def _popular(data: Dataset, stream: Stream, minutes: int, most: int | None = None) -> np.ndarray:
    """Ranks in the clicks of the newest ``minutes``, counted at each full minute; of ``most`` clicks at even steps."""
    time_ = np.asarray(data.time)
    order = np.argsort(time_, kind="stable")
    times, clicks = time_[order], np.asarray(data.item)[order]
    asked = np.flatnonzero(stream.asked)
    if most is not None and len(asked) > most:
        asked = asked[np.linspace(0, len(asked) - 1, most).astype(np.int64)]
    ranks, minute, scores = [], -1.0, np.zeros(data.n_items)
    for place in asked.tolist():
        at, item, user = float(stream.time[place]), int(stream.item[place]), int(stream.user[place])
        if at // 60 != minute:
            minute = at // 60
            window = slice(*np.searchsorted(times, [minute * 60 - minutes * 60, minute * 60]))
            scores = np.bincount(clicks[window], minlength=data.n_items).astype(np.float64)
        own = slice(data.indptr[user], data.indptr[user + 1])
        had = np.unique(data.item[own][np.asarray(data.time)[own] < at])
        ahead = scores > scores[item]
        ranks.append(min(int(ahead.sum() - ahead[had].sum()), K) if scores[item] > 0 else K)
    return np.array(ranks)


def _live(data: Dataset, stream: Stream) -> tuple[np.ndarray, float]:
    """Ranks by the served API, and the median time of a list in ms."""
    control = ControlStore.open(VAR / "control.db")
    key = control.create_key("bench", "platform", "benchmarks")
    control.close()
    users, items = data.users, data.catalogue.ids.ids
    ranks, waiting, took = [], list[dict[str, Any]](), []
    with _served() as url, httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30) as client:

        def tell() -> None:
            client.post("/v1/events", json={"events": waiting}).raise_for_status()
            waiting.clear()

        for place, (user, item, at) in enumerate(
            zip(stream.user.tolist(), stream.item.tolist(), stream.time.tolist(), strict=True)
        ):
            if stream.asked[place]:
                if waiting:
                    tell()
                begun = time.perf_counter()
                answer = client.post("/v1/recommend", json={"user_id": users[user], "k": K}).raise_for_status()
                took.append(time.perf_counter() - begun)
                ranks.append(_rank([one["item_id"] for one in answer.json()["items"]], items[item]))
            event = {"user_id": users[user], "item_id": items[item], "kind": "click", "timestamp": round(at * 1e6)}
            waiting.append({**event, "event_id": f"replay-{place}"})
            if len(waiting) == 100:
                tell()
        if waiting:
            tell()
    return np.array(ranks), round(float(np.median(took)) * 1e3, 2)


@contextmanager
def _served() -> Iterator[str]:
    """`recsys serve` until the block ends, on the clock of the events, with counts that are never older than a list."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "RECSYS_VAR": str(VAR.absolute()), "RECSYS_CLOCK": "events", "RECSYS_LIVE_SECONDS": "0"}
    command = [sys.executable, "-m", "training.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with (VAR / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
    try:
        while not _ready(url):
            if time.monotonic() > end or process.poll() is not None:
                raise TimeoutError(f"The service did not become ready; see {VAR / 'serve.log'}.")
            time.sleep(0.2)
        yield url
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def _ready(url: str) -> bool:
    try:
        return httpx.get(url + "/readyz").status_code == 200
    except httpx.TransportError:
        return False
