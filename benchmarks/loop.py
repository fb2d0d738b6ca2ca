"""The loop's own bars on MovieLens 100K: the ranker over rolling time windows, each model on a seeded random split."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.form import Options, result, row
from recsys.evaluate import compare
from recsys.lake import Lake, ingest
from training.selection import Arena, Trial, hold
from training.source import open_source
from training.spec import load_spec
from training.state import State

BARS = "ranker above popular and ≥ 0.98 of the best single model (rolling); each model ≥ 1.3 popular (random)"
VAR = Path("var/bench")
METRIC = "ndcg@10"
MODELS = ("als", "ease", "warp", "two_tower")
CASES = ("rolling", "random")


def run(options: Options) -> dict[str, Any]:
    """Both cases, or the one asked for."""
    begin = time.perf_counter()
    cases = dict(zip(CASES, (_rolling, _random), strict=True))
    lake = _lake()
    rows: list[dict[str, Any]] = []
    details: dict[str, Any] = {}
    for name, case in cases.items():
        if options.case in (None, name):
            trials = _trials(lake, name, options)
            rows += case(trials)
            details[name] = {section: _told(trial) for section, trial in trials.items()}
            details[name]["best single on test"] = best_single(trials)
    settings = {"data": "MovieLens 100K", "spec": "demo", "quick": options.quick}
    return result("loop", rows, details=details, settings=settings, seconds=time.perf_counter() - begin)


def _lake() -> Path:
    data = VAR / "data"
    command = [sys.executable, "-m", "training.cli", "data", "get", "movielens-100k", "--to", str(data)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lake = Lake(VAR / "lake")
    files = {name: data / "movielens-100k" / f"{name}.parquet" for name in ("events", "items", "users")}
    ingest(lake, **files, mapping={}, strict=True)
    return VAR / "lake"


def _trials(lake: Path, case: str, options: Options) -> dict[str, Trial]:
    chosen = [] if case == "rolling" else ["split.strategy=random", "split.windows=1"]
    if options.quick:
        chosen += ["split.windows=1", "models.two_tower.epochs=1", "models.warp.epochs=2"]
    spec = load_spec("demo", chosen)
    source = open_source(str(lake), spec, State(VAR.absolute()))
    arena = Arena(source.windows, spec)
    contest = hold(arena, lambda section: _tried(arena, section))
    return {trial.section: trial for trial in contest.trials}


def _tried(arena: Arena, section: str) -> Trial:
    trial = arena.trial(section, arena.spec.models[section])
    print(f"{section:10} {METRIC} {trial.pooled_test.mean(METRIC):.4f} on test, {trial.seconds:.1f} s", flush=True)
    return trial


def _rolling(trials: dict[str, Trial]) -> list[dict[str, Any]]:
    ranker, popular = trials["ranker"], trials["popular"]
    single = max((trials[name] for name in (*MODELS, "popular")), key=lambda t: t.validation.mean(METRIC))
    above = compare(ranker.pooled_test, popular.pooled_test, METRIC)
    close = compare(ranker.pooled_test, single.pooled_test, METRIC)
    return [
        _row("rolling", ranker, popular, above, "> 1", above.ratio > 1),
        _row("rolling", ranker, single, close, "low >= 0.98", close.low >= 0.98),
    ]


def _random(trials: dict[str, Trial]) -> list[dict[str, Any]]:
    popular = trials["popular"]
    rows = []
    for name in MODELS:
        paired = compare(trials[name].pooled_test, popular.pooled_test, METRIC)
        fine = paired.ratio >= 1.3 and paired.low > 1
        rows.append(_row(f"random/{name}", trials[name], popular, paired, ">= 1.3, low > 1", fine))
    return rows


def best_single(trials: dict[str, Trial]) -> dict[str, Any]:
    """The single model that is best on test itself, which nobody could have chosen, and the ranker's ratio to it."""
    best = max((trials[name] for name in (*MODELS, "popular")), key=lambda t: t.pooled_test.mean(METRIC))
    paired = compare(trials["ranker"].pooled_test, best.pooled_test, METRIC)
    return {"model": best.section, **{name: round(value, 4) for name, value in paired._asdict().items()}}


def _row(case: str, ours: Trial, peer: Trial, paired: Any, bar: str, ok: bool) -> dict[str, Any]:
    means = {"ours": ours.pooled_test.mean(METRIC), "peer": peer.pooled_test.mean(METRIC)}
    return row(case, METRIC, **means, peer_name=peer.section, paired=paired, bar=bar, ok=ok)


def _told(trial: Trial) -> dict[str, Any]:
    return {
        "recipe": trial.resolved.params(),
        "validation": round(trial.validation.mean(METRIC), 5),
        "test": round(trial.pooled_test.mean(METRIC), 5),
        "newest test slice": round(trial.test.mean(METRIC), 5),
        "queries": len(trial.pooled_test.users),
        "seconds": round(trial.seconds, 1),
    }
