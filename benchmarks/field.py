"""The field of peers: each tuned on a validation slice with the same number of trials, refitted and measured on test.

A peer's own settings are searched together with what it is fitted on: all events or the liked ones, and in a log with
times a window of the newest days. The search spreads half of its trials over the space and the rest around the best.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.stats import qmc

from benchmarks import specs
from benchmarks.contest import THREADS
from benchmarks.fallback import Popular, gains, peer_lists, popular_lists
from benchmarks.form import Options
from benchmarks.logs import sample
from benchmarks.rivals import RIVALS, Settings
from benchmarks.tuning import Pick, Space, Tried, journal
from recsys.dataset.data import Dataset, Holdout, Split
from recsys.types import FloatArray, IntArray

POPULAR = "popular"
HALF_LIVES = (*np.geomspace(1 / 24, 365.0, 27).round(4).tolist(), 36_500.0)  # days
LIKED: Space = {"liked": Pick((True, False))}
RECENT: Space = {**LIKED, "days": Pick((36_500.0, 90.0, 30.0, 7.0))}
QUICK_TRIALS = 2
_NEAR = 0.3  # how far around the best place the second half of a search looks, of each axis


@dataclass(frozen=True)
class Budget:
    """What each peer gets: trials, and how many queries of the validation slice each is judged by."""

    trials: int
    queries: int


@dataclass(frozen=True, eq=False)
class Standing:
    """A peer on the test slice."""

    name: str
    validation: float
    values: FloatArray  # (queries,) NDCG at K

    @property
    def test(self) -> float:
        return float(self.values.mean(dtype=np.float64))


def tune(name: tuple[str, str], split: Split, budget: Budget, options: Options) -> None:
    """Search the settings of popular and of every peer, and write them to the spec of ``name`` (benchmark, case)."""
    trials = QUICK_TRIALS if options.quick else budget.trials
    asked = sample(split.validation, budget.queries)
    popular, quality = _best_popular(split.train, split.validation)
    print(f"{name[1]:20} {POPULAR:14} {quality:.5f}", flush=True)
    table: dict[str, Any] = {POPULAR: {"settings": vars(popular), "validation": quality}}
    ranking = popular.ranking(split.train)
    for rival in RIVALS:
        book = journal(*name, rival.replace(" ", "-"), quick=options.quick)

        def tried(settings: Settings, rival: str = rival) -> float:
            return float(gains(_lists(rival, split.train, settings, ranking, asked), asked).mean())

        found = _search(_space(rival, split.train), trials, lambda s: book.once(s, lambda: (dict(s), tried(s))))  # noqa: B023
        best = max(found, key=lambda one: one.validation)
        spent = round(sum(one.seconds for one in found), 1)
        table[rival] = {"settings": best.settings, "validation": best.validation, "seconds of all trials": spent}
        print(f"{name[1]:20} {rival:14} {best.validation:.5f} {best.settings}, {spent:.0f} s", flush=True)
    table["budget"] = {"trials of each peer": trials, "validation queries": len(asked), "threads": THREADS}
    print(f"written: {specs.save(*name, table, options)}")


def measured(table: Mapping[str, Any], split: Split) -> list[Standing]:
    """Popular and every peer refitted on train and validation as tuned, and asked on test."""
    data = split.train_validation
    ranking = Popular(**table[POPULAR]["settings"]).ranking(data)
    values = gains(popular_lists(ranking, split.test), split.test)
    standings = [Standing(POPULAR, table[POPULAR]["validation"], values)]
    for rival in RIVALS:
        begin = time.perf_counter()
        lists = _lists(rival, data, table[rival]["settings"], ranking, split.test)
        standings.append(Standing(rival, table[rival]["validation"], gains(lists, split.test)))
        print(f"{rival:14} {standings[-1].test:.5f} on test, {time.perf_counter() - begin:.0f} s", flush=True)
    return standings


def matrix_of(data: Dataset, settings: Settings) -> sp.csr_matrix:
    """(users, items) ones: what of ``data`` a peer is fitted on, ``liked`` events alone and the newest ``days``."""
    keep = np.asarray(data.positive) if settings["liked"] else np.ones(data.n_events, np.bool_)
    if "days" in settings:
        keep = keep & (data.ages_days <= settings["days"])
    events = data.subset(keep).matrix()
    events.data[:] = 1.0
    return events


def places_near(best: FloatArray, n: int) -> FloatArray:
    """(n, axes) places in [0, 1) spread around ``best`` (axes,)."""
    spread = qmc.Halton(len(best), rng=np.random.default_rng(1)).random(n)
    return np.asarray(np.clip(best + _NEAR * (2.0 * spread - 1.0), 0.0, np.nextafter(1.0, 0.0)))


def _best_popular(data: Dataset, holdout: Holdout) -> tuple[Popular, float]:
    kinds = [Popular(half_life, liked) for half_life in reversed(HALF_LIVES) for liked in (True, False)]
    scored = [(float(gains(popular_lists(kind.ranking(data), holdout), holdout).mean()), kind) for kind in kinds]
    quality, best = max(scored, key=lambda pair: pair[0])  # the longer of equals
    return best, quality


def _space(rival: str, data: Dataset) -> Space:
    fitted_on: Space = RECENT if bool(np.isfinite(data.time).any()) else LIKED
    if bool(np.asarray(data.positive).all()):
        fitted_on = {**fitted_on, "liked": Pick((True,))}
    return {**RIVALS[rival][1], **fitted_on}


def _search(space: Space, trials: int, once: Any) -> list[Tried]:
    places = qmc.Halton(len(space), rng=np.random.default_rng(0)).random((trials + 1) // 2)  # (half, axes)
    found = [once(_at(space, place)) for place in places]
    best = places[int(np.argmax([one.validation for one in found]))]
    return found + [once(_at(space, place)) for place in places_near(best, trials - len(found))]


def _at(space: Space, place: FloatArray) -> dict[str, Any]:
    return {name: values.at(float(u)) for (name, values), u in zip(space.items(), place, strict=True)}


def _lists(rival: str, data: Dataset, settings: Settings, ranking: FloatArray, holdout: Holdout) -> list[IntArray]:
    events = matrix_of(data, settings)
    own = {name: value for name, value in settings.items() if name not in RECENT}
    known = np.diff(events.indptr) > 0, np.bincount(events.indices, minlength=events.shape[1]) > 0
    return peer_lists(RIVALS[rival][0](events, own), known, ranking, holdout)
